"""`funnel deadletters`: what could not be processed, why, and sending it again."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import printing
from app.cli.moments import bound_given

if TYPE_CHECKING:
    from app.api.dead_letter_shapes import DeadLetterDetail
    from app.settings import Settings
    from app.storage.dead_letter_queries import Wanted
    from app.storage.rows import StoredDeadLetter

group = typer.Typer(help="Records that could not be processed.", no_args_is_help=True)

ReasonOption = Annotated[str | None, typer.Option(help="Only with this reason.")]
TypeOption = Annotated[str | None, typer.Option("--type", help="Only of this interaction type.")]
SourceOption = Annotated[str | None, typer.Option(help="Only from this producer.")]
SinceOption = Annotated[
    str | None, typer.Option(metavar="T", help="Failed then or later: RFC 3339, or a date.")
]
UntilOption = Annotated[
    str | None, typer.Option(metavar="T", help="Failed before: RFC 3339, or a date (its end).")
]


@group.callback()
def _group() -> None:
    """Records that could not be processed."""


@group.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 20,
    reason: ReasonOption = None,
    type_: TypeOption = None,
    source: SourceOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    redriven: Annotated[
        bool | None,
        typer.Option("--redriven/--waiting", help="Only those sent again; only those not yet."),
    ] = None,
    before: Annotated[
        int | None, typer.Option(help="Older than this id, to go on where a list ended.")
    ] = None,
    as_json: printing.Json = False,
) -> None:
    """The newest dead letters. Their content is on the topic dlq.funnel.interactions.v1."""
    from app.cli import settings

    wanted = _wanted(reason, type_, source, since, until, redriven)
    found = asyncio.run(_read(settings.load(), wanted, limit, before))
    if as_json:
        printing.json([_plain(letter) for letter in found])
        return
    printing.table(
        ("id", "when", "reason", "type", "what is wrong", "from", "redriven"),
        [
            (
                at["id"], at["failed_at"], at["reason"], at["type"], at["message"],
                f"{at['topic']} {at['partition']} @ {at['offset']}", at["redriven"],
            )
            for at in map(_plain, found)
        ],
    )  # fmt: skip


@group.command("show")
def show(
    id_: Annotated[int, typer.Argument(metavar="ID", min=1, help="As `list` shows it.")],
    payload: Annotated[
        bool,
        typer.Option("--payload", help="Also what it says: it may hold personal data."),
    ] = False,
    as_json: printing.Json = False,
) -> None:
    """What is wrong with one, where, and what its payload looks like without what it says.

    Names that no schema knows are stars: they may be personal data themselves.
    """
    from app.api.dead_letter_shapes import dead_letter_detail
    from app.cli import settings

    letter = asyncio.run(_read_one(settings.load(), id_))
    detail = dead_letter_detail(letter)
    text = (letter.row.value or b"").decode(errors="replace") if payload else None
    if as_json:
        import msgspec

        shown = msgspec.to_builtins(detail)
        printing.json(shown if text is None else {**shown, "payload": text})
        return
    _print(detail)
    if text is not None:
        printing.line()
        printing.line(printing.shown(text))


@group.command("redrive")
def redrive(
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="These; or give filters.")
    ] = None,
    reason: ReasonOption = None,
    type_: TypeOption = None,
    source: SourceOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    every: Annotated[bool, typer.Option("--all", help="Without a filter: all of them.")] = False,
    again: Annotated[
        bool,
        typer.Option("--again", help="Also what was sent again before, and what failed again."),
    ] = False,
    rate: Annotated[
        float, typer.Option(min=0.1, max=10_000, help="At most so many a second.")
    ] = 100.0,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1)] = 1_000_000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    actor: Annotated[str, typer.Option(help="Who says so.")] = "funnel deadletters",
    as_json: printing.Json = False,
) -> None:
    """Send originals again, unchanged, to the topics they stood on; oldest first.

    Safe to repeat: an interaction is known by its source and id. What fails again is a new dead
    letter.

    Examples:

      funnel deadletters redrive 17 18

      funnel deadletters redrive --reason unknown_type --since 2026-03-02 --dry-run
    """
    import msgspec

    from app.cli import settings
    from app.cli.redriving import redrive_ids, redrive_wanted

    has_filter = any(each is not None for each in (reason, type_, source, since, until))
    if sum((bool(ids), has_filter, every)) != 1:
        raise typer.BadParameter("give ids, or filters, or --all")
    found = settings.load()
    if ids:
        done = asyncio.run(redrive_ids(found, ids, actor, dry_run=dry_run))
    else:
        wanted = msgspec.structs.replace(
            _wanted(reason, type_, source, since, until, None), is_first=not again
        )
        if not (dry_run or yes):
            plan = asyncio.run(redrive_wanted(found, wanted, actor, limit, rate, dry_run=True))
            typer.confirm(f"Send {plan.redriven:,} again?", abort=True)
        done = asyncio.run(redrive_wanted(found, wanted, actor, limit, rate, dry_run=dry_run))
    if as_json:
        printing.json(done)
        return
    would = "would be sent again" if dry_run else "sent again"
    printing.line(f"{done.redriven:,} {would} · {done.remaining:,} remain")
    if done.skipped:
        printing.line(f"{done.skipped:,} were too large to be kept whole: they can't be sent again")


def _wanted(
    reason: str | None,
    type_: str | None,
    source: str | None,
    since: str | None,
    until: str | None,
    redriven: bool | None,
) -> "Wanted":
    from app.domain.reasons import Reason
    from app.storage.dead_letter_queries import Wanted

    if reason is not None and reason not in list(Reason):
        raise typer.BadParameter(f"{reason!r} is no reason; they are {', '.join(Reason)}")
    return Wanted(
        reason=reason,
        type=type_,
        source=source,
        since=bound_given(since),
        until=bound_given(until, is_end=True),
        redriven=redriven,
    )


async def _read(
    settings: "Settings", wanted: "Wanted", limit: int, before: int | None
) -> list["StoredDeadLetter"]:
    from app.cli.database import database
    from app.storage import dead_letter_queries

    async with database(settings) as engine:
        return await dead_letter_queries.newest(engine, wanted, limit=limit, before=before)


async def _read_one(settings: "Settings", id_: int) -> "StoredDeadLetter":
    from app.cli.database import database
    from app.errors import FunnelError
    from app.storage import dead_letter_queries

    async with database(settings) as engine:
        found = await dead_letter_queries.find(engine, id_)
    if found is None:
        raise FunnelError(f"there is no dead letter {id_}; `funnel deadletters list` shows them")
    return found


def _plain(letter: "StoredDeadLetter") -> dict[str, Any]:
    """Without key, value and headers: they may hold personal data."""
    import msgspec

    from app.api.dead_letter_shapes import dead_letter_answer

    told = msgspec.to_builtins(dead_letter_answer(letter))
    return {**told, "source_record": f"{told['topic']} {told['partition']} @ {told['offset']}"}


def _print(detail: "DeadLetterDetail") -> None:
    import json

    where = detail.where or "in no single place"
    again = "" if detail.redriven_at is None else f", last {detail.redriven_at}"
    by = "" if detail.redriven_by is None else f" by {detail.redriven_by}"
    for name, text in (
        ("reason", detail.reason),
        ("where", where),
        ("what is wrong", detail.message),
        ("type", detail.type),
        ("producer", detail.source),
        ("event id", detail.event_id),
        ("original", f"{detail.topic} {detail.partition} @ {detail.offset}, {detail.time or '-'}"),
        ("failed at", detail.failed_at),
        ("sent again", f"{detail.redriven} times{again}{by}"),
        ("size", f"{detail.value_bytes:,} bytes"),
        ("headers", ", ".join(detail.headers) or "none"),
    ):
        printing.line(f"{name:<14} {printing.shown(text)}")
    if not detail.is_whole:
        printing.line("too large to be kept whole: it can't be sent again")
    printing.line()
    printing.line(json.dumps(detail.shape, indent=2) if detail.shape is not None else "no JSON")
