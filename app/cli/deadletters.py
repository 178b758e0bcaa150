"""`funnel deadletters`: what could not be processed, and why."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing

if TYPE_CHECKING:
    from app.settings import Settings
    from app.storage.rows import StoredDeadLetter

group = typer.Typer(help="Records that could not be processed.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """Records that could not be processed."""


@group.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 20,
    reason: Annotated[str | None, typer.Option(help="Only with this reason.")] = None,
    before: Annotated[
        int | None, typer.Option(help="Older than this id, to go on where a list ended.")
    ] = None,
    as_json: printing.Json = False,
) -> None:
    """The newest dead letters. Their content is on the topic dlq.funnel.interactions.v1."""
    from app.cli import settings

    found = asyncio.run(_read(settings.load(), limit, reason, before))
    if as_json:
        printing.json([_plain(letter) for letter in found])
        return
    printing.table(
        ("id", "when", "reason", "what is wrong", "from"),
        [
            (at["id"], at["failed_at"], at["reason"], at["message"], at["source"])
            for at in map(_plain, found)
        ],
    )


async def _read(
    settings: "Settings", limit: int, reason: str | None, before: int | None
) -> list["StoredDeadLetter"]:
    from app.cli.database import database
    from app.storage import queries

    async with database(settings) as engine:
        return await queries.dead_letters(engine, limit=limit, reason=reason, before=before)


def _plain(letter: "StoredDeadLetter") -> dict[str, object]:
    """Without key, value and headers: they may hold personal data."""
    from app.cli.explaining import moment

    row = letter.row
    return {
        "id": letter.id,
        "failed_at": moment(row.failed_at),
        "reason": row.reason,
        "message": row.message,
        "source": f"{row.topic} {row.source_partition} @ {row.source_offset}",
        "topic": row.topic,
        "partition": row.source_partition,
        "offset": row.source_offset,
    }
