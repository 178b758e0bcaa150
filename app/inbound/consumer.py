"""The lane's consumer: one group member over all of the lane's topics, read_committed.

Records flow only from lane partitions that were accepted. Offsets are committed by the outlet,
inside its transactions, never from here.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    ConsumerStoppedError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from app.errors import Halted, Unavailable
from app.failpoints import Failpoint, hit
from app.handling.ports import Past, Rebalance
from app.handling.records import SourceRecord
from app.inbound.assignor import lane_assignor
from app.inbound.foreign_names import fetch_again
from app.inbound.unpacking import ForeignName, take, unpack
from app.kafka_access import kafka_access, renew_access, stop_consumer
from app.settings import Kafka
from app.storage.rows import Offsets

FETCH_WAIT_MS = 100
"""A partition that is accepted waits for the fetch of the others that is under way."""

GATHER_BYTES = 64 * 1024
"""A fetch waits for so much, up to `fetch_gather_ms`, once records flow: each batch costs the
worker, PostgreSQL and the broker about as much as fifty interactions do."""

NO_POLL_LIMIT_MS = 2**31 - 1
"""A worker that waits for PostgreSQL stays in the group."""


class LaneConsumer:
    """Implements `Source`. Uses aiokafka's private fetcher: pinned, and tested against getmany."""

    def __init__(self, settings: Kafka, topics: Sequence[str]) -> None:
        self._settings = settings
        self._topics = tuple(topics)
        self._index = {topic: index for index, topic in enumerate(self._topics)}
        self._accepted: set[int] = set()
        self._assigned: frozenset[int] = frozenset()
        self._held: frozenset[int] = frozenset()
        self._consumer: AIOKafkaConsumer | None = None

    @property
    def topics(self) -> Sequence[str]:
        return self._topics

    async def start(self, rebalance: Rebalance) -> None:
        kafka = self._settings
        consumer = AIOKafkaConsumer(
            **kafka_access(kafka),
            group_id=kafka.group_id,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            session_timeout_ms=int(kafka.session_timeout_seconds * 1000),
            heartbeat_interval_ms=int(kafka.heartbeat_interval_seconds * 1000),
            rebalance_timeout_ms=int(kafka.rebalance_timeout_seconds * 1000),
            max_poll_interval_ms=NO_POLL_LIMIT_MS,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            fetch_max_bytes=kafka.fetch_max_bytes,
            max_partition_fetch_bytes=kafka.partition_fetch_max_bytes,
            partition_assignment_strategy=[lane_assignor(list(self._topics), self._claim)],
        )
        self._consumer = consumer
        try:
            consumer.subscribe(self._topics, listener=_Listener(self, rebalance))
            await consumer.start()
        except (KafkaError, OSError) as failed:
            await stop_consumer(consumer)
            raise Unavailable(f"Kafka at {kafka.bootstrap_servers}: {failed!r}") from failed

    async def stop(self) -> None:
        """Leave the group. aiokafka does not call the listener: release before."""
        if self._consumer is not None:
            await stop_consumer(self._consumer)

    def assigned(self) -> frozenset[int]:
        """None from a revocation to the next assignment: aiokafka still shows the old one then."""
        return self._assigned

    def trouble(self) -> str | None:
        coordinator = None if self._consumer is None else self._consumer._coordinator
        if coordinator is None:
            return "not connected to Kafka yet"
        if coordinator.coordinator_id is None:
            return "Kafka's group coordinator can't be reached"
        return None if coordinator.generation > 0 else "joining the group"

    def renew_access(self) -> None:
        renew_access(self._running._client, self._settings)

    def past(self) -> Past:
        from app.inbound.past import PastReader

        return PastReader(self._settings, self._topics)

    def read_alone(self, consumer: AIOKafkaConsumer, partition: int, offsets: Offsets) -> None:
        """Without a group: one lane partition, from these offsets on."""
        tps = self._tps(partition)
        self._consumer = consumer
        consumer.assign(tps)
        for tp, offset in zip(tps, offsets, strict=True):
            consumer.seek(tp, offset)
        self._accepted.add(partition)

    def passed(self, partition: int, offsets: Offsets) -> list[bool]:
        """What was fetched and not given out counts as not passed."""
        assigned = self._running.assignment()
        return [
            tp in assigned
            and self._state(tp).has_valid_position
            and self._state(tp).position >= offset
            for tp, offset in zip(self._tps(partition), offsets, strict=True)
        ]

    def rejoin(self) -> None:
        self._assigned = frozenset()
        self._accepted.clear()
        self._running._coordinator.request_rejoin()

    def accept(self, partition: int, offsets: Offsets) -> None:
        tps = self._tps(partition)
        for tp, offset in zip(tps, offsets, strict=True):
            self._running.seek(tp, offset)
        self._running.resume(*tps)
        self._accepted.add(partition)

    def hold(self, partition: int) -> None:
        self._accepted.discard(partition)
        tps = [tp for tp in self._tps(partition) if tp in self._running.assignment()]
        self._running.pause(*tps)

    async def fetch(
        self, max_records: int, timeout_seconds: float
    ) -> dict[int, list[SourceRecord]]:
        try:
            return await self._fetch(max_records, timeout_seconds)
        except ForeignName as foreign:
            tp = foreign.tp
        except KafkaError as failed:
            raise Unavailable(f"Kafka, fetching: {failed!r}") from failed
        try:
            hit(Failpoint.FETCH_BEFORE_POLL)
            return await self._reread(tp, max_records)
        except KafkaError as failed:
            raise Unavailable(f"Kafka, fetching {tp} again: {failed!r}") from failed

    async def _reread(self, tp: TopicPartition, limit: int) -> dict[int, list[SourceRecord]]:
        """A batch that aiokafka can't read, by itself."""
        consumer = self._running
        state = self._state(tp)
        offset = state.position
        source = await fetch_again(consumer._client, tp, offset)
        records, _ = unpack(source, tp, self._index[tp.topic], limit)
        if tp.partition not in self._accepted or state.position != offset:
            return {}  # lost, or sought elsewhere, meanwhile
        state.consumed_to(source.next_fetch_offset)
        return {tp.partition: records} if records else {}

    async def _fetch(
        self, max_records: int, timeout_seconds: float
    ) -> dict[int, list[SourceRecord]]:
        consumer = self._running
        self._check_tasks(consumer)
        with consumer._subscription.fetch_context():
            hit(Failpoint.FETCH_BEFORE_POLL)
            if consumer._subscription.reassignment_in_progress:
                await consumer._subscription.wait_for_assignment()
            taken = self._take(max_records)
            if not taken:
                waiter = consumer._fetcher._create_fetch_waiter()
                done, _ = await asyncio.wait([waiter], timeout=timeout_seconds)
                if not done:
                    waiter.cancel()
                    self._gather(is_flowing=False)
                    return {}
                waiter.result()
                taken = self._take(max_records)
        if taken:
            self._gather(is_flowing=True)
        return taken

    def _gather(self, *, is_flowing: bool) -> None:
        """How the next fetch waits. A quiet topic's first record comes at once."""
        fetcher = self._running._fetcher
        fetcher._fetch_min_bytes = GATHER_BYTES if is_flowing else 1
        fetcher._fetch_max_wait_ms = self._settings.fetch_gather_ms if is_flowing else FETCH_WAIT_MS

    def ends(self, partition: int) -> Offsets:
        tps = self._tps(partition)
        assigned = self._running.assignment()
        return tuple(self._running.highwater(tp) or 0 if tp in assigned else 0 for tp in tps)

    def seconds_since_end(self, partition: int) -> float | None:
        """By positions, not by the records' offsets: markers of transactions stand behind them.
        An end that was seen long ago, before this partition was accepted perhaps, says so."""
        tps = self._tps(partition)
        if partition not in self._accepted or not self._running.assignment().issuperset(tps):
            return None
        states = [self._state(tp) for tp in tps]
        if not all(
            each.has_valid_position
            and each.highwater is not None
            and each.position >= each.highwater
            for each in states
        ):
            return None
        seen_ms: int = min(each.timestamp for each in states)
        return max(0.0, time.time() - seen_ms / 1000)

    def _state(self, tp: TopicPartition) -> Any:
        return self._running._subscription.subscription.assignment.state_value(tp)

    def _check_tasks(self, consumer: AIOKafkaConsumer) -> None:
        """aiokafka's background tasks end for good at what they do not expect, and a fetch then
        waits for ever: only a new process joins the group again."""
        coordination = getattr(consumer._coordinator, "_coordination_task", None)  # None: no group
        for task in (coordination, consumer._fetcher._fetch_task):
            if task is not None and task.done():
                raise AssertionError("the Kafka client's background task ended") from (
                    None if task.cancelled() else task.exception()
                )
        consumer._coordinator.check_errors()

    def _take(self, max_records: int) -> dict[int, list[SourceRecord]]:
        fetcher = self._running._fetcher
        taken: dict[int, list[SourceRecord]] = {}
        left = max_records
        for tp in list(fetcher._records):
            if tp.partition not in self._accepted:
                continue
            try:
                records = take(fetcher, tp, self._index[tp.topic], left)
            except NoOffsetForPartitionError:
                continue  # the takeover seeks to D; until then there is no position
            except ForeignName:
                if taken:
                    continue  # it is met again once these are on their way
                raise
            except OffsetOutOfRangeError as gone:
                raise Halted(
                    f"partition {tp.partition} of {tp.topic}: the next offset to read is gone from"
                    f" the broker ({gone}). Records were lost by retention or the topic was"
                    " recreated: restore it, or reset D by hand after looking at what is missing.",
                    tp.partition,
                ) from gone
            if records:
                taken.setdefault(tp.partition, []).extend(records)
                left -= len(records)
                if left <= 0:
                    break
        return taken

    def _tps(self, partition: int) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for topic in self._topics]

    def _whole(self, tps: set[TopicPartition]) -> frozenset[int]:
        """Lane partitions of which every topic is there."""
        return frozenset(
            tp.partition for tp in tps if all(mine in tps for mine in self._tps(tp.partition))
        )

    def _claim(self) -> frozenset[int]:
        """What to ask for at the next rebalance: nothing once the group has forgotten us."""
        coordinator = self._running._coordinator
        return self._held if coordinator is not None and coordinator.generation > 0 else frozenset()

    @property
    def _running(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise ConsumerStoppedError
        return self._consumer


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Exceptions here are only logged by aiokafka, so nothing here may fail for a reason."""

    def __init__(self, source: LaneConsumer, rebalance: Rebalance) -> None:
        self._source = source
        self._rebalance = rebalance

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        source = self._source
        source._accepted.clear()
        source._assigned = frozenset()
        await self._rebalance.revoked(frozenset(tp.partition for tp in revoked))

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        source = self._source
        source._accepted.clear()
        source._running.pause(*assigned)
        source._assigned = source._held = source._whole(assigned)
        self._rebalance.assigned(source._held)
