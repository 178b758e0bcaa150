"""`funnel tail`: stage changes as they are published."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import printing

if TYPE_CHECKING:
    from app.settings import Settings


def tail(
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Everything still kept, not only what is new.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="End after so many.")
    ] = None,
    contact: Annotated[str | None, typer.Option(help="Only this contact's.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, as published.")
    ] = False,
) -> None:
    """Follow the stage changes that subscribers see (read committed), until Ctrl-C."""
    from app.cli import settings

    asyncio.run(_follow(settings.load(), from_start, limit, contact, as_json))


async def _follow(
    settings: "Settings", from_start: bool, limit: int | None, contact: str | None, as_json: bool
) -> None:
    import json

    from app.cli.reading import reader
    from app.domain.topics import Topic

    shown = 0
    async with reader(settings.kafka, Topic.STAGE_CHANGES, from_start=from_start) as records:
        if not as_json:
            printing.note("following stage changes, Ctrl-C ends")
        async for record in records:
            data = json.loads(record.value)
            if contact not in (None, data["contact_id"]):
                continue
            headers = {name: (value or b"").decode() for name, value in record.headers}
            if as_json:
                printing.line(json.dumps({**_attributes(headers), "data": data}))
            else:
                printing.line(told(headers.get("ce_type", ""), data))
            shown += 1
            if limit is not None and shown >= limit:
                return


def _attributes(headers: dict[str, str]) -> dict[str, str]:
    """The CloudEvents attributes, without their header prefix."""
    return {
        name.removeprefix("ce_"): value for name, value in headers.items() if name.startswith("ce_")
    }


_VERBS = {"stage_revoked": "revoked", "history_corrected": "corrected"}


def told(type_: str, data: dict[str, Any]) -> str:
    """One record as a line: when it was true, who, from where to where, why."""
    cause = data["cause"]
    verb = next((verb for name, verb in _VERBS.items() if name in type_), "")
    parts = [
        data["effective_at"][:19].replace("T", " "),
        f"{data['contact_id']:<12}",
        f"{data['from_stage']} → {data['to_stage']}",
        verb,
        f"because of {cause['type']}" + (" (inferred)" if cause["inferred"] else ""),
        f"[{data['transition']}]",
        "late" if data["late"] else "",
    ]
    return printing.shown("  ".join(part for part in parts if part))
