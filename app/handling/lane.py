"""A lane: incarnations one after the other over one group membership.

What ends an incarnation decides what comes next: unclean or unavailable, a new one after a
back-off; a row that PostgreSQL rejects, a new one with smaller batches until the record stands
alone, then it is a dead letter; a halted partition, a new one without it; anything else is a bug
and ends the process.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from app.errors import Halted, Poison, RowRejected, Unavailable, Unclean
from app.handling.batch import SourceKey
from app.handling.behind import Behind
from app.handling.halts import Halts
from app.handling.incarnation import Incarnation
from app.handling.parts import Parts
from app.handling.stall import StallGuard
from app.settings import Settings
from app.storage.sessions import incarnation_id
from app.telemetry.health import Health
from app.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

FIRST_BACKOFF_SECONDS: Final = 0.1
CALM_SECONDS: Final = 5.0
"""An incarnation that lived this long ends a series of failures."""


class Lane:
    """Implements the runtime's `LaneRunner` and the consumer's `Rebalance`."""

    def __init__(
        self, settings: Settings, metrics: Metrics, prepare: Callable[[], Awaitable[Parts]]
    ) -> None:
        """`prepare` looks at Kafka and PostgreSQL: Unavailable while they are away."""
        self._settings = settings
        self._metrics = metrics
        self._prepare = prepare
        self._current: Incarnation | None = None
        self._trouble = "starting"
        self._failures = 0
        self._rejected: dict[SourceKey, Poison] = {}
        self._suspects: set[SourceKey] = set()
        self._batch_limit = settings.lane.batch_max_interactions
        self._halts: Halts | None = None
        self._behind: Behind | None = None
        self._stall = StallGuard(settings.kafka.session_timeout_seconds / 2)
        metrics.incarnations.labels("start")  # from the first: by it a worker is seen

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain, release and leave the group."""
        parts = await self._join(stop)
        if parts is None:
            return
        reason = "start"
        halts = self._halts = Halts(parts.lane, self._metrics)
        behind = self._behind = Behind(parts.lane, parts.source, self._metrics, parts.clock)
        ticking = asyncio.create_task(self._stall.tick())
        try:
            while not stop.is_set():
                self._metrics.incarnations.labels(reason).inc()
                reason = await self._live(parts, halts, behind, stop)
                if reason in ("unclean", "fenced", "unavailable"):
                    await self._back_off(stop)
        finally:
            ticking.cancel()
            await parts.source.stop()
            await parts.coordinator.close()

    def health(self) -> Health:
        """Ready: a member of the group that works on every partition it was assigned."""
        current = self._current
        if current is None or not current.is_up:
            return Health(ready=False, reasons=[self._trouble])
        halts = current.holdings.halts
        reasons = halts.messages
        trouble = current.trouble()
        if trouble is not None:
            reasons.append(trouble)
        behind = current.holdings.catching_up
        if behind:
            reasons.append(
                f"partitions {behind} decide again what was published before the restore"
            )
        waiting = [p for p in current.holdings.waiting if p not in halts and p not in behind]
        if waiting:
            reasons.append(f"partitions being taken over: {waiting}")
        return Health(ready=not reasons, reasons=reasons)

    def assigned(self, partitions: frozenset[int]) -> None:
        """What stays here stays halted, for as long as this process lives."""
        if self._halts is not None:
            self._halts.keep(partitions)
        if self._behind is not None:
            self._behind.keep(partitions)
        if self._current is not None:
            self._current.holdings.assigned(partitions)

    async def revoked(self, partitions: frozenset[int]) -> None:
        self._metrics.rebalances.inc()
        if self._current is not None:
            await self._current.holdings.revoked(partitions)

    async def _join(self, stop: asyncio.Event) -> Parts | None:
        """Become a member of the group; None when stopped before."""
        while not stop.is_set():
            try:
                parts = await self._prepare()
                await parts.source.start(self)
            except Unavailable as away:
                self._note(away)
                await self._back_off(stop)
            else:
                return parts
        return None

    async def _live(self, parts: Parts, halts: Halts, behind: Behind, stop: asyncio.Event) -> str:
        """One incarnation; returns why it ended."""
        if self._stall.was_stalled():
            # The group may have given everything away meanwhile: what it said before is void.
            parts.source.rejoin()
            self._stall.forget()
        owner = incarnation_id()
        incarnation = Incarnation(
            parts,
            owner,
            self._rejected,
            self._suspects,
            self._batch_limit,
            self._stall,
            halts,
            behind,
        )
        self._current = incarnation
        started = time.monotonic()
        try:
            await incarnation.run(stop)
        except RowRejected as rejected:
            self._narrow(incarnation.pipeline.refused, rejected)
            return "row_rejected"
        except Halted as halted:
            if halted.partition is None:
                raise
            incarnation.holdings.halt(halted.partition, str(halted))
            return "halted"
        except (Unavailable, Unclean) as trouble:
            if time.monotonic() - started > CALM_SECONDS:
                self._failures = 0
            self._note(trouble)
            return type(trouble).__name__.lower()
        finally:
            self._current = None
        return "stop"

    def _narrow(self, records: list[SourceKey], rejected: RowRejected) -> None:
        """Smaller batches until the culprit is alone, then it is a dead letter."""
        if not records or (len(records) == 1 and records[0] in self._rejected):
            raise rejected  # no record's fault, or its dead letter is refused too: say so and end
        log.warning("row_rejected", records=len(records), why=str(rejected))
        self._trouble = str(rejected)
        if len(records) == 1:
            self._rejected[records[0]] = Poison(rejected.reason, str(rejected))
            self._suspects.clear()
        else:
            self._suspects.clear()
            self._suspects.update(records)
            self._batch_limit = len(records) // 2

    def _note(self, trouble: Exception) -> None:
        self._failures += 1
        self._trouble = str(trouble)
        log.warning("incarnation_ended", kind=type(trouble).__name__, why=str(trouble))

    async def _back_off(self, stop: asyncio.Event) -> None:
        """Doubled each time, with jitter: forty restarts in one outage help nobody."""
        longest = self._settings.lane.restart_backoff_max_seconds
        seconds = min(longest, FIRST_BACKOFF_SECONDS * 2 ** min(self._failures, 10))
        jittered = seconds * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, no secret
        try:
            async with asyncio.timeout(jittered):
                await stop.wait()
        except TimeoutError:
            return
