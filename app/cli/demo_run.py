"""The course of a demo: send the past, watch it settle, explain, go on live."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from app.cli import printing
from app.cli.local import first_of
from app.cli.sending import Sender, sender
from app.cli.watching import Figures, Watch, screen, totals

if TYPE_CHECKING:
    from app.cli.local import Local
    from app.domain.interaction import Microseconds
    from app.simulation.traffic import Traffic

SENDING_MAX_SECONDS: Final = 12.0
PER_SECOND_MIN: Final = 250
"""The past is sent so slowly that it can be watched, and no slower."""
SETTLE_TIMEOUT_SECONDS: Final = 60.0
OWN_TIMEOUT_SECONDS: Final = 15.0
REFRESH_SECONDS: Final = 0.25
LIVE_EVERY_SECONDS: Final = 0.7
STEP: Final = 20
"""Records sent between two looks at the clock."""

Look = Callable[[], Awaitable[Figures]]


async def run_demo(
    running: "Local", stop: asyncio.Event, *, seed: int, contacts: int, exits: bool
) -> int:
    """The demo's exit code: 1 where what was sent and what was handled do not add up."""
    from app.cli.database import stage_counts
    from app.cli.demo_report import adds_up, announce, explain_some, how_to_look_further
    from app.simulation.traffic import traffic

    past = traffic(seed, contacts, _now())
    announce(past)
    watch = Watch(running.metrics)
    async with sender(running.settings.kafka) as to, stage_counts(running.settings) as stages:

        async def look() -> Figures:
            return watch.figures(to.confirmed, len(past.deliveries), await stages())

        await _until_all_owned(to, running, stop)
        if not await _watch_past(past, to, look, running, stop):
            return 1
        is_complete = adds_up(await look(), past)
        key = await explain_some(running.settings)
        how_to_look_further(running, key or "crm-10000", exits)
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


async def _watch_past(
    past: "Traffic", to: Sender, look: Look, running: "Local", stop: asyncio.Event
) -> bool:
    """Send it and show the funnel until all of it is published; False: told to stop before."""
    sending = asyncio.create_task(_send(past, to))
    deadline = time.monotonic() + SENDING_MAX_SECONDS + SETTLE_TIMEOUT_SECONDS
    try:
        with screen() as show:
            while not stop.is_set() and not running.ended.done():
                figures = await look()
                show(figures)
                if sending.done():
                    sending.result()
                    if _is_settled(figures, running) or time.monotonic() > deadline:
                        return True
                await first_of(asyncio.sleep(REFRESH_SECONDS), stop.wait(), running.ended)
        return False
    finally:
        sending.cancel()
        await asyncio.wait([sending])


def _is_settled(figures: Figures, running: "Local") -> bool:
    (outbox,) = running.metrics.outbox_batches.collect()
    return figures.under_way == 0 and not any(sample.value for sample in outbox.samples)


async def _send(past: "Traffic", to: Sender) -> None:
    began = time.monotonic()
    share = min(1 / PER_SECOND_MIN, SENDING_MAX_SECONDS / len(past.deliveries))
    for number, delivery in enumerate(past.deliveries):
        if number % STEP == 0:
            ahead = began + number * share - time.monotonic()
            await asyncio.sleep(max(0.0, ahead))
        partition = delivery.partition(await to.partitions(delivery.topic))
        await to.send(
            delivery.topic,
            delivery.key,
            delivery.value,
            headers=delivery.headers,
            partition=partition,
        )
    await to.confirm()


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
        record = delivery_of(replace(event, time=_now()))
        await to.send(
            record.topic,
            record.key,
            record.value,
            headers=record.headers,
            partition=record.partition(await to.partitions(record.topic)),
        )


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
