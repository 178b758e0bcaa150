"""The course of a demo: send the past, watch it settle, explain, go on live."""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from app.cli import printing
from app.cli.demo_contacts import Following, following
from app.cli.local import first_of
from app.cli.sending import Sender, sender
from app.cli.watching import Figures, Watch, screen, totals

if TYPE_CHECKING:
    from app.cli.local import Local
    from app.domain.interaction import Microseconds
    from app.simulation.deliveries import Delivery
    from app.simulation.traffic import Traffic

SENDING_MAX_SECONDS: Final = 12.0
PER_SECOND_MIN: Final = 250
"""The past is sent so slowly that it can be watched, and no slower."""
SETTLE_TIMEOUT_SECONDS: Final = 60.0
QUIET_SECONDS: Final = 1.0
"""Without a record handled or a move made: neither timers nor links of identities go on."""
OWN_TIMEOUT_SECONDS: Final = 15.0
REFRESH_SECONDS: Final = 0.25
LIVE_EVERY_SECONDS: Final = 0.7
STEP: Final = 20
"""Records sent between two looks at the clock."""


async def run_demo(
    running: "Local", stop: asyncio.Event, *, seed: int, contacts: int, exits: bool
) -> int:
    """The demo's exit code: 1 where what was sent and what was handled do not add up."""
    from app.cli.demo_report import announce, how_to_look_further, report
    from app.simulation.traffic import traffic

    past = traffic(seed, contacts, _now())
    announce(past)
    async with sender(running.settings.kafka) as to, following(running.settings) as follows:
        course = _Course(past, to, follows, running)
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


class _Course:
    """Sends the past, then what was put right at the desk; each until nothing is under way."""

    def __init__(self, past: "Traffic", to: Sender, follows: Following, running: "Local") -> None:
        self._past = past
        self._to = to
        self._follows = follows
        self._running = running
        self._watch = Watch(running.metrics)

    async def watch(self, stop: asyncio.Event) -> bool:
        """Show the funnel until all of it is published; False: told to stop before."""
        sending = asyncio.create_task(self._send_all())
        try:
            with screen() as show:
                while not stop.is_set() and not self._running.ended.done():
                    show(await self.figures())
                    if sending.done():
                        sending.result()
                        await self._follows.catch_up()
                        show(await self.figures())
                        return True
                    await first_of(
                        asyncio.sleep(REFRESH_SECONDS), sending, stop.wait(), self._running.ended
                    )
            return False
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def figures(self) -> Figures:
        to_send = len(self._past.deliveries) + len(self._past.desk)
        return self._watch.figures(self._to.confirmed, to_send, await self._follows.look())

    async def _send_all(self) -> None:
        """What does not settle in time will not add up: that is told then."""
        try:
            async with asyncio.timeout(SENDING_MAX_SECONDS + SETTLE_TIMEOUT_SECONDS):
                for deliveries in (self._past.deliveries, self._past.desk):
                    await _send(deliveries, self._to)
                    await self._until_quiet()
                await self._until_published()
        except TimeoutError:
            return

    async def _until_quiet(self) -> None:
        """All that was sent is handled, nothing is left to publish, and nothing else goes on."""
        metrics, was, since = self._running.metrics, (-1, -1), 0.0
        while True:
            completed = self._watch.figures(self._to.confirmed, 0, {}).completed
            now = completed, sum(totals(metrics.transitions).values())
            (outbox,) = metrics.outbox_batches.collect()
            is_idle = completed >= self._to.confirmed and not any(s.value for s in outbox.samples)
            if now != was or not is_idle:
                was, since = now, time.monotonic()
            elif time.monotonic() - since >= QUIET_SECONDS:
                return
            await asyncio.sleep(REFRESH_SECONDS)

    async def _until_published(self) -> None:
        """Nothing of what lanes read is ahead of what they have published: signals are out, too."""
        from app.cli.lag import read_lag

        while True:
            if not any(row.lag for row in await read_lag(self._running.settings)):
                return
            await asyncio.sleep(REFRESH_SECONDS)


async def _send(deliveries: "Sequence[Delivery]", to: Sender) -> None:
    began = time.monotonic()
    share = min(1 / PER_SECOND_MIN, SENDING_MAX_SECONDS / len(deliveries))
    for number, delivery in enumerate(deliveries):
        if number % STEP == 0:
            ahead = began + number * share - time.monotonic()
            await asyncio.sleep(max(0.0, ahead))
        await _send_one(delivery, to)
    await to.confirm()


async def _send_one(delivery: "Delivery", to: Sender) -> None:
    await to.send(
        delivery.topic,
        delivery.key,
        delivery.value,
        headers=delivery.headers,
        partition=delivery.partition(await to.partitions(delivery.topic)),
    )


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
        await _send_one(delivery_of(replace(event, time=_now())), to)


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
