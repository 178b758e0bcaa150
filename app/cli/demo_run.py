"""A demo from its start to its end: the past, what became of it, and live traffic."""

import asyncio
import time
from typing import TYPE_CHECKING, Final

from app.cli import printing
from app.cli.demo_contacts import following
from app.cli.demo_course import REFRESH_SECONDS, Course, send_one
from app.cli.local import first_of
from app.cli.sending import Sender, sender
from app.cli.watching import totals

if TYPE_CHECKING:
    from app.cli.local import Local
    from app.domain.interaction import Microseconds

OWN_TIMEOUT_SECONDS: Final = 15.0
LIVE_EVERY_SECONDS: Final = 0.7


async def run_demo(
    running: "Local", stop: asyncio.Event, *, seed: int, contacts: int, exits: bool
) -> int:
    """The demo's exit code: 1 where what was sent and what was handled do not add up."""
    from app.cli.demo_report import announce, how_to_look_further, report
    from app.simulation.traffic import traffic

    past = traffic(seed, contacts, _now())
    announce(past)
    async with sender(running.settings.kafka) as to, following(running.settings) as follows:
        course = Course(past, to, follows, running)
        await _until_all_owned(to, running, stop)
        if not await course.watch(stop):
            return 1
        is_complete = await report(running.settings, await course.figures(), past)
        how_to_look_further(running, exits)
        if not exits:
            showing = asyncio.create_task(_show_changes(running))
            await _go_on_live(seed, contacts, to, running, stop)
            showing.cancel()
            await asyncio.wait([showing])
    return 0 if is_complete else 1


async def _until_all_owned(to: Sender, running: "Local", stop: asyncio.Event) -> None:
    """The lanes take their partitions one after the other; sent earlier, the past would wait."""
    from app.domain.topics import Topic

    partitions = sum(
        [await to.partitions(topic) for topic in (Topic.INTERACTIONS, Topic.ACCOUNT_INPUTS)]
    )
    deadline = time.monotonic() + OWN_TIMEOUT_SECONDS
    while sum(totals(running.metrics.takeovers).values()) < partitions:
        await first_of(asyncio.sleep(REFRESH_SECONDS), stop.wait(), running.ended)
        if stop.is_set() or running.ended.done() or time.monotonic() > deadline:
            return


async def _go_on_live(
    seed: int, contacts: int, to: Sender, running: "Local", stop: asyncio.Event
) -> None:
    """New people's interactions, one by one, until told to stop."""
    from msgspec.structs import replace

    from app.simulation.deliveries import delivery_of
    from app.simulation.traffic import live

    for event in live(seed, contacts, _now()):
        await first_of(asyncio.sleep(LIVE_EVERY_SECONDS), stop.wait(), running.ended)
        if stop.is_set() or running.ended.done():
            return
        await send_one(delivery_of(replace(event, time=_now())), to)


async def _show_changes(running: "Local") -> None:
    """Stage changes as subscribers see them, a line each."""
    import json

    from app.cli.reading import reader
    from app.cli.tail import told
    from app.domain.topics import Topic

    async with reader(running.settings.kafka, Topic.STAGE_CHANGES) as records:
        async for record in records:
            headers = dict(record.headers)
            printing.line(told(headers["ce_type"].decode(), json.loads(record.value)))


def _now() -> "Microseconds":
    return time.time_ns() // 1000
