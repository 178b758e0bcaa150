"""`funnel lane resize`: more lane partitions, for more workers."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli import printing
from app.errors import FunnelError

if TYPE_CHECKING:
    from app.settings import Settings
    from app.storage.resize import Resized

Partitions = Annotated[
    int, typer.Argument(metavar="N", min=2, max=10_000, help="A multiple of what there is.")
]
Wait = Annotated[
    float, typer.Option("--wait", min=1.0, metavar="S", help="For the lanes to be drained.")
]
POLL_SECONDS: Final = 0.5


def resize(partitions: Partitions, wait: Wait = 300.0, as_json: printing.Json = False) -> None:
    """Grow the lanes to N partitions, while no worker runs; producers may go on.

    It drains what is under way between the lanes, grows every topic, gives contacts and accounts
    their new homes in one transaction, and records N. Killed on the way, say it again. Then start
    the workers. There is no way back: partitions of a topic can't become fewer.
    """
    from app.cli import settings

    moved = asyncio.run(_resize(settings.load(level="info"), partitions, wait))
    if as_json:
        printing.json({"partitions": partitions, "moved": moved.moved})
        return
    printing.table(("table", "rows with a new home"), sorted(moved.moved.items()))
    printing.line(f"{partitions} partitions: start the workers")


async def _resize(settings: "Settings", partitions: int, wait_seconds: float) -> "Resized":
    from app.bootstrap import INPUTS, for_accounts
    from app.cli.topics import apply_topics
    from app.storage.connect import connect
    from app.storage.resize import resize as give_new_homes

    for found in (settings, for_accounts(settings)):
        await _refuse_members(found)
    async with asyncio.timeout(wait_seconds):
        while await under_way(settings):
            await _drain(settings)
    await apply_topics(settings, partitions=partitions, is_growing=True)
    connection = await connect(settings.database, application_name="funnel-resize")
    try:
        await connection.execute(
            "SET enable_seqscan = on; SET enable_hashjoin = on; SET enable_mergejoin = on"
        )
        return await give_new_homes(connection, list(INPUTS), partitions)
    finally:
        await connection.close()


async def under_way(settings: "Settings") -> int:
    """What lanes have sent to each other by the old homes, or have not let go of: none of it may
    be left."""
    from app.bootstrap import INPUTS
    from app.cli.database import database
    from app.cli.lag import read_lag
    from app.domain.topics import Topic
    from app.storage import queries

    between = (Topic.COMMANDS, Topic.ACCOUNT_INPUTS)
    rows = await read_lag(settings)
    async with database(settings) as engine:
        standing = [row for lane in INPUTS for row in await queries.partitions(engine, lane)]
    at_work = [
        row for row in standing if row.owner is not None or row.batch_seq != row.published_seq
    ]
    return sum(row.lag for row in rows if row.topic in between) + len(at_work)


async def _drain(settings: "Settings") -> None:
    """Lanes of this process, until nothing is under way; then they let go of everything."""
    from app.bootstrap import build_lanes
    from app.cli.lag import read_lag
    from app.domain.topics import Topic
    from app.telemetry.metrics import Metrics

    stop = asyncio.Event()
    lanes = build_lanes(settings, Metrics()).values()
    running = [asyncio.create_task(lane.run(stop)) for lane in lanes]
    try:
        while not all(lane.health().ready for lane in lanes) or any(
            row.lag for row in await read_lag(settings) if row.topic != Topic.INTERACTIONS
        ):
            for task in running:
                if task.done():
                    task.result()
            await asyncio.sleep(POLL_SECONDS)
        stop.set()
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _refuse_members(settings: "Settings") -> None:
    from app.cli.broker import broker

    async with broker(settings.kafka) as admin:
        answers = await admin.describe_consumer_groups([settings.kafka.group_id])
    members = sum(len(one[5]) for answer in answers for one in answer.groups)
    if members:
        raise FunnelError(
            f"workers run in group {settings.kafka.group_id} ({members}): stop them (SIGTERM, and"
            " wait for the end), resize, and start them again"
        )
