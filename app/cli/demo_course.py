"""The past of a demo on its way: sent, shown while it is handled, waited for."""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from app.cli.demo_contacts import Following
from app.cli.local import first_of
from app.cli.sending import Sender
from app.cli.watching import Figures, Watch, screen, totals

if TYPE_CHECKING:
    from app.cli.local import Local
    from app.simulation.deliveries import Delivery
    from app.simulation.traffic import Traffic

SENDING_MAX_SECONDS: Final = 12.0
PER_SECOND_MIN: Final = 250
"""The past is sent so slowly that it can be watched, and no slower."""
SETTLE_TIMEOUT_SECONDS: Final = 60.0
QUIET_SECONDS: Final = 1.0
"""Without a record handled or a move made: neither timers nor links of identities go on."""
REFRESH_SECONDS: Final = 0.25
STEP: Final = 20
"""Records sent between two looks at the clock."""


class Course:
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
        await send_one(delivery, to)
    await to.confirm()


async def send_one(delivery: "Delivery", to: Sender) -> None:
    await to.send(
        delivery.topic,
        delivery.key,
        delivery.value,
        headers=delivery.headers,
        partition=delivery.partition(await to.partitions(delivery.topic)),
    )
