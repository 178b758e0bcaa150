"""After a restore: deciding again what was published already, and saying nothing of it.

PostgreSQL was restored to an earlier point, so D < K. The records from D to K are read again and
decided as the first time: applied, with no output, and no timer fires by the wall clock. Timers
that were due among these records fire where they are met, by the broker's time, as they did
then; those due in the last moments before K, where nobody can tell whether they had fired, are
decided at K and compared with what the topics say: what was told is not told again. Then the
partition works as any other.
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import partial
from heapq import merge
from itertools import accumulate, takewhile
from operator import itemgetter
from typing import Final

import asyncpg
import structlog

from app.domain.interaction import Microseconds
from app.errors import RowRejected
from app.failpoints import Failpoint, hit
from app.handling.batch import DecidedBatch, PartitionDue, key_of
from app.handling.cache import ContactCache
from app.handling.checks import checks_on
from app.handling.holdings import Holdings
from app.handling.partition import OwnedPartition
from app.handling.parts import Deciding, Firing, Parts
from app.handling.pipeline import Pipeline
from app.handling.reconciling import Reconciling
from app.handling.records import OutputRecord, SourceRecord
from app.storage import catch_ups
from app.storage.catch_ups import CatchUp

log = structlog.get_logger(__name__)

FETCH_SECONDS: Final = 0.5
DUE_MAX_CONTACTS: Final = 500
UNSURE: Final[Microseconds] = 60_000_000
"""So long before K nobody can tell whether a timer that was due had fired."""
ID_HEADER: Final = "ce_id"


class CatchingUp:
    """Runs beside the stages of an incarnation, for partitions that are not active yet."""

    def __init__(
        self,
        parts: Parts,
        holdings: Holdings,
        pipeline: Pipeline,
        cache: ContactCache,
        decider: Deciding,
        connection: asyncpg.Connection,
    ) -> None:
        """`connection`: for this alone."""
        self._parts = parts
        self._holdings = holdings
        self._pipeline = pipeline
        self._cache = cache
        self._decider = decider
        self._firing = decider if isinstance(decider, Firing) else None
        self._connection = connection
        self._checks = checks_on(connection)

    async def run(self) -> None:
        """For ever: one partition after the other."""
        while True:
            owned, goal = await self._holdings.behind()
            log.warning(
                "catch_up_begun", partition=owned.partition, batch_seq=owned.decided.batch_seq,
                published=goal.until_seq,
            )  # fmt: skip
            if await self._catch_up(owned, goal):
                log.warning(
                    "catch_up_ended", partition=owned.partition, batch_seq=owned.decided.batch_seq
                )
                self._holdings.caught_up(owned)

    async def _catch_up(self, owned: OwnedPartition, goal: CatchUp) -> bool:
        """False: it was taken away meanwhile."""
        lane, partition_ = self._parts.lane, owned.partition
        if goal.reached_seq is None:
            if not await self._read_again(owned, goal):
                return False
            hit(Failpoint.CATCH_UP_BEFORE_REACHED)
            await catch_ups.reached(
                self._connection, lane, goal, epoch=owned.epoch, batch_seq=owned.decided.batch_seq
            )
        if self._firing is not None:
            await Reconciling(
                self._connection,
                self._parts.coordinator,
                lane,
                owned,
                goal,
                goal.until_as_of - UNSURE,
            ).run()
        self._cache.forget(partition_)  # their versions have gone up
        if not await self._meet(owned, goal):
            return False
        hit(Failpoint.CATCH_UP_BEFORE_END)
        await catch_ups.end(self._connection, lane, partition_)
        return True

    async def _read_again(self, owned: OwnedPartition, goal: CatchUp) -> bool:
        """Every record up to K, of all topics in the order in which the broker got them."""
        if owned.decided.offsets == goal.until_offsets:
            return True
        past = self._parts.source.past()
        waiting: list[list[SourceRecord]] = [[] for _ in goal.until_offsets]
        try:
            await past.start(owned.partition, owned.decided.offsets)
            is_over = False
            while not is_over:
                passed = past.passed(goal.until_offsets)
                is_over = all(passed)
                if not is_over:
                    for record in await past.fetch(self._pipeline.batch_limit, FETCH_SECONDS):
                        if record.offset < goal.until_offsets[record.topic]:
                            waiting[record.topic].append(record)
                if not await self._decide(owned, goal, _ready(waiting, passed)):
                    return False
        finally:
            await past.stop()
        return True

    async def _decide(
        self, owned: OwnedPartition, goal: CatchUp, records: Sequence[SourceRecord]
    ) -> bool:
        """In batches cut where a timer was due."""
        left: Sequence[SourceRecord] = records
        limit = self._pipeline.batch_limit
        while left:
            due_at = await self._next_due(owned, goal)
            now = list(
                takewhile(
                    lambda record: due_at is None or record.timestamp_ms * 1000 < due_at,  # noqa: B023 - used here
                    left[:limit],
                )
            )
            if not now:
                assert due_at is not None
                horizon = max(due_at, owned.decided.as_of)
                fired = await self._fire(owned, horizon, None)
                if fired is None:
                    return False
                if fired:
                    continue
                now = list(left[:limit])  # what is due does not fire: go on without it
            try:
                batch = await self._pipeline.decide_again(
                    owned, partial(self._of_records, owned, now), None
                )
            except RowRejected:
                self._pipeline.refused = [key_of(record) for record in now]
                raise
            if batch is None:
                return False
            left = left[len(now) :]
        return True

    async def _of_records(
        self, owned: OwnedPartition, records: list[SourceRecord], number: int, at: Microseconds
    ) -> DecidedBatch:
        owned.in_hand += len(records)
        return await self._decider.decide(number, [(owned, records)], at)

    async def _next_due(self, owned: OwnedPartition, goal: CatchUp) -> Microseconds | None:
        """None: no timer is due before it is unsure which had fired."""
        if self._firing is None:
            return None
        hit(Failpoint.CATCH_UP_BEFORE_LOOK)
        _, earliest = await self._checks.earliest([owned.partition])
        due_at = earliest.get(owned.partition)
        return None if due_at is None or due_at >= goal.until_as_of - UNSURE else due_at

    async def _fire(
        self, owned: OwnedPartition, horizon: Microseconds, told: set[bytes] | None
    ) -> bool | None:
        """A batch of those that are due; was there any that fired. None: it was taken away."""
        firing = self._firing
        assert firing is not None
        hit(Failpoint.CATCH_UP_BEFORE_LOOK)
        rows = await self._checks.due([owned.partition], [horizon], DUE_MAX_CONTACTS)

        async def decide(number: int, at: Microseconds) -> DecidedBatch:
            return await firing.decide_due(number, [PartitionDue(owned, horizon, rows)], at)

        keep = None if told is None else partial(_is_news, told)
        batch = await self._pipeline.decide_again(owned, decide, keep)
        return None if batch is None else len(batch.stuck) < len(rows)

    async def _meet(self, owned: OwnedPartition, goal: CatchUp) -> bool:
        """At K: what is due there, told as far as it was not; the first batch after K, if empty."""
        decided = owned.decided
        owned.decided = decided._replace(
            batch_seq=max(decided.batch_seq, goal.until_seq), offsets=goal.until_offsets
        )
        if self._firing is None:
            batch = await self._pipeline.decide_again(
                owned, partial(self._of_records, owned, []), lambda _: True
            )
            return batch is not None
        told = await self._parts.coordinator.told(
            self._parts.lane,
            owned.partition,
            goal.since_seq,
            goal.until_seq,
            min(decided.as_of, goal.until_as_of) - 2 * UNSURE,
        )
        while True:
            fired = await self._fire(owned, goal.until_as_of, told)
            if not fired:
                return fired is not None


def _ready(waiting: list[list[SourceRecord]], passed: Sequence[bool]) -> list[SourceRecord]:
    """Takes those that no record to come of another topic can have been before; a topic's own
    order stays. Unequal topics wait for the slowest, so that each contact meets its interactions
    as the first time."""
    slowest = min(
        (
            max((each.timestamp_ms for each in records), default=-1)
            for records, is_over in zip(waiting, passed, strict=True)
            if not is_over
        ),
        default=None,
    )
    ready: list[list[tuple[int, SourceRecord]]] = []
    for topic, records in enumerate(waiting):
        # where a broker's clock went back, what stands later is later
        clock = list(accumulate((each.timestamp_ms for each in records), max))
        count = len(records) if slowest is None else bisect_right(clock, slowest)
        ready.append(list(zip(clock[:count], records[:count], strict=True)))
        waiting[topic] = records[count:]
    return [record for _, record in merge(*ready, key=itemgetter(0))]


def _is_news(told: set[bytes], record: OutputRecord) -> bool:
    return not any(name == ID_HEADER and value in told for name, value in record.headers)
