"""`funnel lane`: who owns the lanes' partitions, how far they are, and which wait for a person."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from app.cli import printing
from app.errors import FunnelError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from app.settings import Settings

group = typer.Typer(help="The lanes' partitions.", no_args_is_help=True)

RESUME_PATIENCE_SECONDS: Final = 15.0
LOOK_SECONDS: Final = 0.25


class PartitionStanding(msgspec.Struct, frozen=True):
    lane: str
    partition: int
    owner: str | None
    epoch: int
    applied_seq: int
    """D: the last batch applied to PostgreSQL."""
    published_seq: int
    """K: the last batch published, as its owner last wrote down."""
    next_offsets: tuple[int, ...]
    halted: str | None
    """Why it lets nothing in."""
    halted_since: str | None
    until_resumed: bool


@group.callback()
def _group() -> None:
    """The lanes' partitions."""


@group.command("list")
def list_(
    lane: Annotated[str | None, typer.Option(help="Only of this one: contacts, accounts.")] = None,
    halted: Annotated[bool, typer.Option("--halted", help="Only those that are halted.")] = False,
    as_json: printing.Json = False,
) -> None:
    """Every partition: its owner, its epoch, D (applied), K (published), and why it is halted."""
    from app.cli import settings

    rows = [
        row
        for row in asyncio.run(_read(settings.load()))
        if (lane is None or row.lane == lane) and (row.halted or not halted)
    ]
    if as_json:
        printing.json({"partitions": rows})
    elif halted and not rows:
        printing.line("no partition is halted")
    else:
        columns = ("lane", "partition", "owner", "epoch", "D", "K", "next offsets", "halted since")
        printing.table(
            columns,
            [
                (
                    row.lane, row.partition, row.owner, row.epoch, row.applied_seq,
                    row.published_seq, " ".join(map(str, row.next_offsets)), row.halted_since,
                )
                for row in rows
            ],
        )  # fmt: skip
        for row in rows:
            if row.halted:
                printing.line(f"✗ {row.lane}, {printing.shown(row.halted)}")


@group.command("resume")
def resume(
    lane: Annotated[str, typer.Argument(metavar="LANE", help="contacts or accounts.")],
    partitions: Annotated[
        list[int] | None, typer.Argument(metavar="[PARTITION]...", help="Or --all.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of the lane that are halted.")] = False,
    as_json: printing.Json = False,
) -> None:
    """Let halted partitions go on, once what halted them is mended; without a restart.

    Example:

      funnel lane resume contacts 3
    """
    from app.cli import settings

    if bool(partitions) == every:
        raise typer.BadParameter("give partitions, or --all")
    going_on, waiting = asyncio.run(_resume(settings.load(), lane, partitions))
    if as_json:
        printing.json({"lane": lane, "resumed": going_on, "waiting": waiting})
        return
    for partition in going_on:
        printing.line(f"{lane} {partition} goes on")
    for partition in waiting:
        printing.line(f"{lane} {partition} is resumed and waits for a worker: does one run?")
    if not going_on and not waiting:
        printing.line(f"no partition of {lane} is halted")


async def _read(settings: "Settings") -> list[PartitionStanding]:
    from app.cli.database import database

    async with database(settings) as engine:
        return await _standing(engine)


async def _standing(engine: "AsyncEngine") -> list[PartitionStanding]:
    from app.domain.timestamps import format_rfc3339
    from app.domain.topics import ACCOUNT_LANE, CONTACT_LANE
    from app.storage import halt_queries, queries

    halts = await halt_queries.halts(engine)
    found = []
    for lane in (CONTACT_LANE, ACCOUNT_LANE):
        for row in await queries.partitions(engine, lane):
            halt = halts.get((lane, row.partition))
            found.append(
                PartitionStanding(
                    lane=lane,
                    partition=row.partition,
                    owner=row.owner,
                    epoch=row.epoch,
                    applied_seq=row.batch_seq,
                    published_seq=row.published_seq,
                    next_offsets=row.next_offsets,
                    halted=None if halt is None else halt.message,
                    halted_since=None if halt is None else format_rfc3339(halt.halted_at),
                    until_resumed=halt is not None and halt.until_resumed,
                )
            )
    return found


async def _resume(
    settings: "Settings", lane: str, partitions: list[int] | None
) -> tuple[list[int], list[int]]:
    """Those that an owner goes on with, and those that nobody has taken yet. FunnelError where one
    is not halted: then none is resumed."""
    from app.cli.database import database
    from app.storage import halt_queries

    async with database(settings) as engine:
        rows = {row.partition: row for row in await _standing(engine) if row.lane == lane}
        if not rows:
            raise FunnelError(f"there is no lane {lane!r}, or no worker has run yet")
        halted = {row.partition for row in rows.values() if row.halted}
        wanted = sorted(halted if partitions is None else set(partitions))
        for partition in wanted:
            if partition not in halted:
                raise FunnelError(f"partition {partition} of lane {lane} is not halted")
        for partition in wanted:
            await halt_queries.resume(engine, lane, partition)
        waiting = {partition: rows[partition].epoch for partition in wanted}
        give_up = time.monotonic() + RESUME_PATIENCE_SECONDS
        while waiting and time.monotonic() < give_up:
            await asyncio.sleep(LOOK_SECONDS)
            for row in await _standing(engine):
                if row.lane == lane and row.epoch > waiting.get(row.partition, row.epoch):
                    del waiting[row.partition]
    return [each for each in wanted if each not in waiting], sorted(waiting)
