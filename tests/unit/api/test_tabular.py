"""Tables: safe to open in a spreadsheet."""

import csv
import io
from collections.abc import AsyncIterator

import pytest
from litestar import Litestar, get
from litestar.response import Stream

from app.api.tabular import table
from tests.unit.api.asking import asking


async def told(*rows: list[object]) -> list[list[str]]:
    async def pages() -> AsyncIterator[list[list[object]]]:
        for row in rows:
            yield [row]

    @get("/")
    async def shown() -> Stream:
        return table("things", ("a", "b"), pages())

    async with asking(Litestar([shown], openapi_config=None)) as client:
        answer = await client.get("/")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="things.csv"'
    return list(csv.reader(io.StringIO(answer.text, newline="")))


@pytest.mark.parametrize(
    "text", ["=1+1", "+49 30 1", "-2", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("http://x","y")']
)
async def test_a_text_that_begins_like_a_formula_is_none(text: str) -> None:
    header, row = await told([text, 1])
    assert header == ["a", "b"]
    assert row == [f"'{text}", "1"]


async def test_numbers_truth_and_nothing_are_as_they_are() -> None:
    assert (await told([-2.5, True], [None, 'a "b", c\nd']))[1:] == [
        ["-2.5", "true"],
        ["", 'a "b", c\nd'],
    ]
