"""Timers fire by the wall clock: a task of its own, because a fetch waits through a rebalance.

It asks PostgreSQL who is due, in the active partitions, and hands them to the pipeline in bounded
batches, one at a time: the next is asked for when the last is applied, for until then the table
shows the same contacts as due. With nothing due it is one small question a second. Contacts that a
new model is to be told to (sweep.py) take turns with those that are due.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from app.domain.interaction import Microseconds
from app.errors import Halted
from app.handling.alarm import Alarm
from app.handling.batch import Due, PartitionDue
from app.handling.checks import Checks
from app.handling.holdings import Holdings
from app.handling.horizon import Horizon
from app.handling.partition import OwnedPartition
from app.handling.sweep import Sweep
from app.storage.rows import CheckRow
from app.telemetry.aggregate import observe_all
from app.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

DUE_MAX_CONTACTS: Final = 500
"""In a batch: about forty milliseconds, so that interactions take turns."""

LOOK_SECONDS: Final = 1.0
LOOK_AGAIN_SECONDS: Final = 0.1
"""At the soonest, when nothing was due."""

STUCK_MAX: Final = 1000
STUCK_SECONDS: Final = 60.0


class Timers:
    def __init__(
        self,
        holdings: Holdings,
        horizon: Horizon,
        checks: Checks,
        alarm: Alarm,
        fire: Callable[[Due], Awaitable[list[CheckRow]]],
        metrics: Metrics,
        sweep: Sweep | None = None,
    ) -> None:
        """`fire` decides and applies them, and returns those that are as due as before."""
        self._holdings = holdings
        self._horizon = horizon
        self._checks = checks
        self._alarm = alarm
        self._fire = fire
        self._metrics = metrics
        self._sweep = sweep
        self._stuck: set[CheckRow] = set()
        """Left alone for a while, or until their check moves: the others must have their turn."""
        self._stuck_until = 0.0

    async def run(self) -> None:
        """For ever."""
        while True:
            due, seconds = await self.look()
            self._metrics.timers_due.set(sum(len(each.contacts) for each in due))
            if due:
                await self._fired(due)
            has_swept = self._sweep is not None and await self._sweep.step()
            if not due and not has_swept:
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
                await self._alarm.wait(seconds - LOOK_AGAIN_SECONDS)

    async def look(self) -> tuple[Due, float]:
        """Who is due now, and if nobody, how long to sleep."""
        self._alarm.set((self._horizon.now or 0) + int(LOOK_SECONDS * 1e6))
        active = [owned for owned in self._holdings.owned.values() if owned.is_active]
        if not active:
            return [], LOOK_SECONDS
        now, earliest = await self._checks.earliest([owned.partition for owned in active])
        self._horizon.told(now)
        due: list[tuple[OwnedPartition, Microseconds]] = []
        seconds = LOOK_SECONDS
        for owned in active:
            check_at, horizon = earliest.get(owned.partition), self._horizon.of(owned)
            if check_at is None:
                continue
            if check_at <= horizon:
                due.append((owned, horizon))
            seconds = min(seconds, (check_at - horizon) / 1e6)
        return await self._find(due) if due else [], max(LOOK_AGAIN_SECONDS, seconds)

    async def _find(self, due: Sequence[tuple[OwnedPartition, Microseconds]]) -> Due:
        """A fair share of the batch for each partition; the stuck ones stand in the way."""
        if time.monotonic() > self._stuck_until:
            self._stuck.clear()
        share = max(1, DUE_MAX_CONTACTS // len(due))
        rows = await self._checks.due(
            [owned.partition for owned, _ in due],
            [horizon for _, horizon in due],
            share + len(self._stuck),
        )
        found: dict[int, list[CheckRow]] = {owned.partition: [] for owned, _ in due}
        for row in rows:
            mine = found[row.partition]
            if len(mine) < share and row not in self._stuck:
                mine.append(row)
        return [
            PartitionDue(owned, horizon, contacts)
            for owned, horizon in due
            if (contacts := found[owned.partition])
        ]

    async def _fired(self, due: Due) -> None:
        stuck = await self._fire(due)
        now = self._horizon.now or 0
        checks = [row.check_at for each in due for row in each.contacts]
        observe_all(
            self._metrics.timers_late_seconds, [max(0, now - check) / 1e6 for check in checks]
        )
        if not stuck:
            return
        if not self._stuck:
            self._stuck_until = time.monotonic() + STUCK_SECONDS
        self._stuck.update(stuck)
        log.error("timers_stuck", contacts=len(self._stuck), again_in_seconds=STUCK_SECONDS)
        if len(self._stuck) > STUCK_MAX:
            raise Halted(
                f"the timers of more than {STUCK_MAX} contacts are due and do not fire: mend the"
                " model, then restart this worker",
                stuck[0].partition,
            )
