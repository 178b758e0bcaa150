"""Answers as tables: CSV, by `Accept`; streamed, and safe to open in a spreadsheet."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from litestar import Request
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.response import Stream

from app.api.describing import Described

CSV: Final = "text/csv"
JSON: Final = "application/json"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What spreadsheets take for the beginning of a formula."""


@dataclass
class Tabular(Described):
    """An operation that answers a table, too."""

    def __post_init__(self) -> None:
        super().__post_init__()
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse) and answer.content is not None:
            schema = Schema(type=OpenAPIType.STRING, description="A header, then a row each.")
            answer.content[CSV] = OpenAPIMediaType(schema=schema)


def wants_table(request: Request[Any, Any, Any]) -> bool:
    return request.accept.best_match([JSON, CSV]) == CSV


def table(name: str, columns: Sequence[str], pages: AsyncIterator[list[list[object]]]) -> Stream:
    """Rows as they are read: nothing holds all of them."""

    async def lines() -> AsyncIterator[bytes]:
        yield _encoded([columns])
        async for rows in pages:
            yield _encoded(rows)

    return Stream(
        lines(),
        media_type=f"{CSV}; charset=utf-8; header=present",
        headers={"content-disposition": f'attachment; filename="{name}.csv"'},
    )


def _encoded(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode(errors="replace")


def _cell(value: object) -> object:
    """Texts come from anybody: one that begins like a formula begins with an apostrophe instead."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
