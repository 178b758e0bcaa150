"""What must always hold, looked at from outside: cheaply, in bounded memory, beside the workers.

Each comparison is made so that a worker between two reads is no difference: what can only grow is
read in the order in which it must not be overtaken, and what belongs together in one statement.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import asyncpg
from aiokafka import TopicPartition

from app.domain.routing import routing_key
from app.handling.ports import Coordinator, Position
from app.runtime.audit.ends import StableOffsets, ends
from app.runtime.audit.findings import Check, Checked, Finding
from app.runtime.audit.published import Published
from app.settings import Kafka
from app.storage import audit_reads, catch_ups
from app.storage.audit_reads import ACCOUNTS, CONTACTS, START, Numbering, Place, Standing

PAGE_CONTACTS: Final = 2_000
STUCK_POLL_SECONDS: Final = 1.0


class LaneView(NamedTuple):
    """A lane as the auditor sees it."""

    lane: str
    partitions: int
    coordinator: Coordinator
    stage_changes: str | None
    """The topic with its stage changes; None: they are not compared."""
    of: Numbering


class Scope(NamedTuple):
    """How far one round goes."""

    batches: int | None
    """So many of the latest of each partition; None: all that are kept."""
    pages: int | None
    """So many pages of contacts of each partition, then the next round goes on; None: all."""


class Auditor:
    """Remembers between rounds how far it has come."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        kafka: Kafka,
        lanes: Sequence[LaneView],
        topics: Sequence[TopicPartition],
    ) -> None:
        """`connection`: prepared by `be_planned_plainly`, for this alone."""
        self._connection = connection
        self._kafka = kafka
        self._lanes = lanes
        self._topics = topics
        self._patience_seconds = 2 * kafka.transaction_timeout_seconds
        self._stable = StableOffsets(self._patience_seconds)
        self._compared: dict[tuple[str, int], int] = {}
        self._place: dict[tuple[str, int], Place] = {}
        self.checked = Checked()

    async def round(self, scope: Scope, *, is_patient: bool = False) -> list[Finding]:
        """Everything once. `is_patient`: wait until it is known of every offset whether it is
        stuck. Raises Unavailable."""
        self.checked = Checked()
        findings: list[Finding] = []
        await self._look_at_ends()
        for lane in self._lanes:
            findings += await self._of_lane(lane, scope)
        findings += await self._stuck(is_patient=is_patient)
        return sorted(findings, key=lambda each: (each.lane, each.partition, each.check))

    async def _of_lane(self, lane: LaneView, scope: Scope) -> list[Finding]:
        before = {row.partition: row for row in await self._standings(lane)}
        k = {p: await lane.coordinator.committed(p) for p in before}
        # K is read between two looks at the row: what only grows can't have overtaken it.
        after = {row.partition: row for row in await self._standings(lane)}
        findings: list[Finding] = []
        for partition, row in before.items():
            self.checked.partitions += 1
            self.checked.catching_up += row.is_catching_up
            findings += watermarks(row, k[partition], after[partition])
            findings += await self._segments(lane, after[partition], k[partition], scope)
            findings += await self._numbers(lane, partition, scope)
            if lane.of is CONTACTS:
                findings += await self._counters(lane, partition)
        return findings

    async def _standings(self, lane: LaneView) -> list[Standing]:
        return await audit_reads.standings(self._connection, lane.lane)

    async def _segments(
        self, lane: LaneView, row: Standing, k: Position | None, scope: Scope
    ) -> list[Finding]:
        """No gap, and what they were to publish is published."""
        partition = row.partition
        start = 0 if scope.batches is None else max(0, row.batch_seq - scope.batches)
        start = max(start, self._compared.get((lane.lane, partition), 0))
        findings = await self._gaps(lane, partition, start)
        until = min(row.batch_seq, 0 if k is None else k.batch_seq)
        if row.is_catching_up or until <= start:
            return findings
        first = await audit_reads.outputs(self._connection, lane.lane, partition, start, until, 1)
        if first and k is not None:
            findings += await self._offsets(lane, partition, k)
        if first and lane.stage_changes is not None:
            published = Published(
                self._connection,
                self._kafka,
                lane.stage_changes,
                lane.lane,
                partition,
                lane.partitions,
                self.checked,
                self._patience_seconds,
            )
            findings += await published.compare(first[0].batch_seq - 1, until, first[0].as_of)
        self._compared[lane.lane, partition] = until
        return findings

    async def _gaps(self, lane: LaneView, partition: int, after: int) -> list[Finding]:
        found = await audit_reads.gaps(self._connection, lane.lane, partition, max(0, after - 1))
        skipped = await catch_ups.skipped(self._connection, lane.lane, partition)
        missing = [gap for gap in found.missing if not _is_skipped(gap, skipped)]
        if found.last is not None and found.last < found.applied:
            missing.append((found.last, found.applied + 1))
        return [
            Finding(
                Check.SEGMENT_GAP, lane.lane, partition, f"batches {a + 1} to {b - 1} are missing"
            )
            for a, b in missing
        ]

    async def _offsets(self, lane: LaneView, partition: int, k: Position) -> list[Finding]:
        """What the group committed for a batch is what its segment says."""
        found = await audit_reads.outputs(
            self._connection, lane.lane, partition, k.batch_seq - 1, k.batch_seq, 1
        )
        if not found or found[0].next_offsets == k.offsets:
            return []
        what = f"batch {k.batch_seq}: committed {_shown(k.offsets)}, segment "
        return [
            Finding(
                Check.OFFSETS_DISAGREE, lane.lane, partition, what + _shown(found[0].next_offsets)
            )
        ]

    async def _numbers(self, lane: LaneView, partition: int, scope: Scope) -> list[Finding]:
        findings: list[Finding] = []
        at = (lane.lane, partition)
        place: Place | None = self._place.get(at, START)
        pages = 0
        while place is not None and (scope.pages is None or pages < scope.pages):
            rows, place = await audit_reads.numbered(
                self._connection, lane.of, partition, place, PAGE_CONTACTS
            )
            pages += 1
            if lane.of is CONTACTS:
                self.checked.contacts += len(rows)
            else:
                self.checked.accounts += len(rows)
            findings += [
                Finding(
                    Check.SEQ_GAP,
                    lane.lane,
                    partition,
                    f"row's seq {'none' if row.seq is None else row.seq}, history {row.first} to"
                    f" {row.last} in {row.n} rows",
                    routing_key(*row.place),
                )
                for row in rows
                if not row.is_right
            ]
        self._place[at] = place or START
        return findings

    async def _counters(self, lane: LaneView, partition: int) -> list[Finding]:
        return [
            Finding(
                Check.COUNTER,
                lane.lane,
                partition,
                f"{row.stage} of {row.tenant}: counter {row.counter}, contacts {row.contacts}",
            )
            for row in await audit_reads.miscounted(self._connection, partition)
        ]

    async def _look_at_ends(self) -> list[tuple[TopicPartition, int, int]]:
        high = await ends(self._kafka, self._topics, is_stable=False)
        stable = await ends(self._kafka, self._topics, is_stable=True)
        self.checked.topic_partitions = len(stable)
        return self._stable.look(stable, high)

    async def _stuck(self, *, is_patient: bool) -> list[Finding]:
        stuck = await self._look_at_ends()
        begun = time.monotonic()
        while is_patient and self._stable.has_waited_since(begun) and not stuck:
            await asyncio.sleep(STUCK_POLL_SECONDS)
            stuck = await self._look_at_ends()
        return [
            Finding(
                Check.STABLE_OFFSET_STUCK,
                "-",
                at.partition,
                f"{at.topic}: stable up to {offset}, written up to {high}",
            )
            for at, offset, high in stuck
        ]


def watermarks(before: Standing, k: Position | None, after: Standing) -> list[Finding]:
    """K <= D, and K is not older than the row's own; `before` and `after` were read around K."""
    lane, partition = before.lane, before.partition

    def found(check: Check, what: str) -> list[Finding]:
        return [Finding(check, lane, partition, what)]

    if k is None:
        what = f"batch {before.published_seq} was published"
        return found(Check.NO_OFFSETS, what) if before.published_seq > 0 else []
    if after.is_catching_up:
        return []
    if k.batch_seq > after.batch_seq or any(
        published > applied
        for published, applied in zip(k.offsets, after.next_offsets, strict=True)
    ):
        return found(
            Check.D_BEFORE_K,
            f"published batch {k.batch_seq} at {_shown(k.offsets)}, applied {after.batch_seq} at"
            f" {_shown(after.next_offsets)}",
        )
    if k.batch_seq < before.published_seq:
        return found(
            Check.K_BEFORE_ROW, f"group at batch {k.batch_seq}, row at {before.published_seq}"
        )
    return []


def _is_skipped(gap: tuple[int, int], skipped: Sequence[tuple[int, int]]) -> bool:
    """After a restore batch numbers go on behind K."""
    return any(gap[0] == after and gap[1] == until + 1 for after, until in skipped)


def _shown(offsets: Sequence[int]) -> str:
    return "/".join(map(str, offsets))


__all__ = ["ACCOUNTS", "CONTACTS", "Auditor", "LaneView", "Scope", "watermarks"]
