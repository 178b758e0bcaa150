"""`funnel model timeline`: what was activated when and how, and how far its sweep is."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.cli import printing

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.api.activating import Asked
    from app.settings import Settings
    from app.storage.model_queries import TimelineRow
    from app.storage.models import ActivationRow

Tenant = Annotated[str | None, typer.Option(help="Of one tenant. Default: all.")]
LOOK_SECONDS: Final = 0.5


def timeline(tenant: Tenant = None, as_json: printing.Json = False) -> None:
    """What was activated for whom, in the order of its activations, and how far its sweep is."""
    from app.cli import settings

    told = list(asyncio.run(_read(settings.load(), tenant)))
    if as_json:
        printing.json(told)
        return
    if not told:
        printing.note("nothing was activated: the model of FUNNEL_MODEL decides")
        return
    printing.table(
        ("tenant", "model", "mode", "from", "by", "partitions", "swept", "contacts"),
        [
            (
                row["tenant"],
                row["model"],
                row["mode"],
                row["active_from"],
                row["actor"],
                row["partitions"],
                f"{row['swept_partitions']} of {row['partitions']}",
                row["swept_contacts"],
            )
            for row in told
        ],
    )


async def _read(settings: "Settings", tenant: str | None) -> Iterable[Mapping[str, Any]]:
    from app.cli.database import database
    from app.storage import model_queries

    async with database(settings) as engine:
        return activations(await model_queries.timeline(engine, tenant))


def activations(rows: Sequence["TimelineRow"]) -> Iterator[Mapping[str, Any]]:
    """One for each command, whatever partitions have it; earliest first."""
    from app.cli.moments import told_moment

    def command(row: "TimelineRow") -> tuple[str, str]:
        return row.activation.tenant, row.activation.activated_by

    found = [list(group) for _, group in groupby(sorted(rows, key=command), key=command)]
    found.sort(
        key=lambda group: (group[0].activation.tenant, min(r.activation.decided_at for r in group))
    )
    for group in found:
        first = group[0].activation
        yield {
            "tenant": first.tenant,
            "model": group[0].model,
            "content_hash": first.content_hash,
            "mode": first.mode,
            "active_from": told_moment(min(row.activation.active_from for row in group)),
            "activated_by": first.activated_by,
            "actor": first.actor,
            "partitions": len(group),
            "swept_partitions": sum(row.activation.swept_at is not None for row in group),
            "swept_contacts": sum(row.activation.swept for row in group),
        }


async def waited(settings: "Settings", asked: "Asked") -> None:
    """Until the activation is swept in every partition. Unavailable; FunnelError where no worker
    has ever run."""
    from app.cli.database import database
    from app.domain.topics import CONTACT_LANE
    from app.errors import FunnelError
    from app.storage import model_queries, queries

    async with database(settings) as engine:
        lane = await queries.lane(engine, CONTACT_LANE)
        if lane is None:
            raise FunnelError(
                "no worker has run on this database yet: it is asked for, and done when one runs"
            )
        contacts = await model_queries.contacts_of(engine, asked.tenant)
        with _bars(range(lane.partitions), contacts) as show:
            while True:
                rows = await model_queries.timeline(engine, asked.tenant)
                mine = answers(asked, [row.activation for row in rows])
                show(mine)
                done = [row for row in mine.values() if row.swept_at is not None]
                if len(done) >= lane.partitions:
                    return
                await asyncio.sleep(LOOK_SECONDS)


def answers(asked: "Asked", rows: Sequence["ActivationRow"]) -> dict[int, "ActivationRow"]:
    """By partition: what came of the command, or what said the same before it."""
    found: dict[int, ActivationRow] = {}
    for row in rows:
        is_same = (row.content_hash, row.mode) == (asked.content_hash, asked.mode)
        if row.activated_by == asked.command_id or is_same:
            found[row.partition] = row
    return found


@contextmanager
def _bars(
    partitions: Iterable[int], contacts: Mapping[int, int]
) -> "Iterator[Callable[[Mapping[int, ActivationRow]], None]]":
    """A bar for each partition on a terminal's stderr; silent elsewhere."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _rows: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks = {
            each: progress.add_task(f"partition {each}", total=max(1, contacts.get(each, 0)))
            for each in partitions
        }

        def show(rows: "Mapping[int, ActivationRow]") -> None:
            for partition, row in rows.items():
                total = max(1, contacts.get(partition, 0), row.swept)
                done = total if row.swept_at is not None else row.swept
                progress.update(tasks[partition], total=total, completed=done)

        yield show
