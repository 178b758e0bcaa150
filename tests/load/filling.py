"""Fills a database as a lane would have: the same decoder, fold and apply, without Kafka.

The broker's clock goes with the interactions' times, and the contacts' timers fire by it.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import asyncpg

from app.domain.changes import Change
from app.domain.contact import Contact
from app.domain.decide import decide, decide_due, view
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.listing import listing_of
from app.domain.rules import Rules
from app.domain.topics import CONTACT_LANE_INPUTS
from app.handling.batch import day_of
from app.handling.records import SourceRecord
from app.inbound.decoding import make_decoder
from app.settings import Database, Limits
from app.storage import apply, ownership
from app.storage.connect import connect
from app.storage.rows import (
    ApplyBatch,
    ContactRow,
    CounterDelta,
    HistoryRow,
    ListingRow,
    PartitionMove,
    SealedRow,
    SegmentRow,
)
from app.storage.segments import pack
from tests.load.workload import Sending, Workload

LANE: Final = "contacts"
OWNER: Final = "filling"
BATCH: Final = 2_000
LOOK_EVERY: Final = 25
"""Batches between two looks at the clock."""

Key = tuple[str, str]


class Filling:
    """Lane partitions 0 … n-1, all in memory; `fill`, then `end`."""

    def __init__(self, connection: asyncpg.Connection, rules: Rules, partitions: int) -> None:
        self._connection = connection
        self._rules = rules
        self._decode = make_decoder(rules, Limits(), CONTACT_LANE_INPUTS, partitions)
        self._lanes = [_Partition(n) for n in range(partitions)]

    @classmethod
    async def begin(cls, database: Database, rules: Rules, partitions: int) -> "Filling":
        connection = await connect(database, application_name=OWNER)
        await apply.prepare(connection)
        topics = list(CONTACT_LANE_INPUTS)
        await ownership.record_lane(connection, LANE, partitions, topics, ["a", "b"])
        for partition in range(partitions):
            await ownership.create_partition(
                connection, LANE, partition, next_offsets=(0, 0), as_of=0
            )
            await ownership.take_partition(
                connection, LANE, partition, epoch=0, previous_owner=None, owner=OWNER,
                published_seq=0, published_offsets=(0, 0), lock_timeout_seconds=1,
            )  # fmt: skip
        return cls(connection, rules, partitions)

    async def fill(self, sendings: Iterator[Sending], start: float, tick: float) -> int:
        """The n-th arrives at `start` + n × `tick` (Unix seconds); how many were interactions."""
        count = batches = 0
        while some := list(islice(sendings, BATCH)):
            for n, sending in enumerate(some):
                arrived_ms = int((start + (count + n) * tick) * 1000)
                self._lanes[sending.partition].records.append(
                    (arrived_ms, sending.key, sending.value)
                )
            count += len(some)
            batches += 1
            await self._apply([self._decided(lane) for lane in self._lanes if lane.records])
            if batches % LOOK_EVERY == 0:
                await self.look(int((start + count * tick) * 1_000_000))
        return count

    async def look(self, now: Microseconds) -> None:
        """Timers fire that are due by the clock."""
        due = [
            (lane, [key for key, at in lane.checks.items() if at <= now]) for lane in self._lanes
        ]
        await self._apply([self._fired(lane, keys, now) for lane, keys in due if keys])

    async def end(self) -> None:
        """Released, as by a worker that was stopped."""
        await self._connection.execute("UPDATE lane_partition SET owner = NULL")
        await self._connection.close()

    async def _apply(self, parts: list[ApplyBatch]) -> None:
        if not parts:
            return
        rows: dict[str, Any] = {
            name: [row for part in parts for row in getattr(part, name)] for name in _LISTS
        }
        batch = ApplyBatch(LANE, **rows)
        await apply.apply(
            self._connection, batch, transaction_timeout_seconds=60, idle_timeout_seconds=60
        )

    def _decided(self, lane: "_Partition") -> ApplyBatch:
        records, lane.records = lane.records, []
        accepted: list[SourceRecord] = []
        changes: dict[Key, list[Change]] = {}
        for arrived_ms, key, value in records:
            record = SourceRecord(0, lane.number, lane.offset, arrived_ms, key, value, [])
            lane.offset += 1
            item = self._decode(record)
            assert isinstance(item, Interaction), item
            contact = lane.contact((item.tenant, item.contact_id))
            address = Address(lane.batch_seq + 1, len(accepted))
            accepted.append(record)
            decision = decide(contact, item, address, self._rules, arrived_ms * 1000)
            changes.setdefault((item.tenant, item.contact_id), []).extend(decision.changes)
        return lane.batch(records[-1][0] * 1000, accepted, changes, self._rules)

    def _fired(self, lane: "_Partition", keys: list[Key], now: Microseconds) -> ApplyBatch:
        changes = {key: decide_due(lane.contact(key), self._rules, now).changes for key in keys}
        return lane.batch(now, [], changes, self._rules)


class _Partition:
    def __init__(self, number: int) -> None:
        self.number = number
        self.records: list[tuple[int, bytes, bytes]] = []
        self.offset = self.batch_seq = 0
        self._offsets = (0, 0)
        self.checks: dict[Key, Microseconds] = {}
        self._contacts: dict[Key, Contact] = {}
        self._stages: dict[Key, str] = {}
        self._chunks: dict[Key, dict[int, bytes]] = {}

    def contact(self, key: Key) -> Contact:
        contact = self._contacts.get(key)
        if contact is None:
            contact = self._contacts[key] = Contact.new(*key)
        chunks = self._chunks.get(key)
        if chunks:
            contact.load_sealed([chunks[n] for n in sorted(chunks)])
        return contact

    def batch(
        self,
        at: Microseconds,
        accepted: list[SourceRecord],
        changes: dict[Key, list[Change]],
        rules: Rules,
    ) -> ApplyBatch:
        before = self.batch_seq
        self.batch_seq += 1
        contacts, sealed, counters, listings = [], [], [], []
        for key in changes:
            contact = self._contacts[key]
            listing = listing_of(contact.contact_id, contact.fold, view(contact, rules, at))
            listings.append(ListingRow(self.number, *key, at, listing))
            if (taken := contact.take_change()) is None:
                continue
            change, chunks = taken
            contacts.append(ContactRow(self.number, change))
            self.checks.pop(key, None)
            if change.check_at is not None:
                self.checks[key] = change.check_at
            for chunk in chunks:
                self._chunks.setdefault(key, {})[chunk.chunk] = chunk.body
                sealed.append(SealedRow(self.number, chunk))
            stage = self._stages.get(key, "none")
            if stage != contact.stage:
                for which, delta in ((stage, -1), (contact.stage, 1)):
                    if which != "none":
                        counters.append(CounterDelta(self.number, key[0], which, delta))
                self._stages[key] = contact.stage
        history = [
            HistoryRow(self.number, *key, at, one) for key, made in changes.items() for one in made
        ]
        expected, self._offsets = self._offsets, (self.offset, 0)
        move = PartitionMove(
            self.number, 1, before, expected, self.batch_seq, self._offsets, at, before, expected
        )
        events, outputs = pack(accepted), pack([])
        segment = SegmentRow(
            day_of(at),
            self.number,
            self.batch_seq,
            self._offsets,
            at,
            len(accepted),
            events,
            outputs,
        )
        return ApplyBatch(
            LANE, [move], contacts, history, sealed, [], [segment], _summed(counters),
            listings=listings,
        )  # fmt: skip


_LISTS: Final = (
    "moves", "contacts", "history", "sealed", "dead_letters", "segments", "counters", "listings",
)  # fmt: skip


def _summed(counters: list[CounterDelta]) -> list[CounterDelta]:
    total: dict[tuple[int, str, str], int] = {}
    for each in counters:
        key = (each.partition, each.tenant, each.stage)
        total[key] = total.get(key, 0) + each.delta
    return [CounterDelta(*key, delta) for key, delta in total.items()]


async def filled(
    database: Database,
    rules: Rules,
    *,
    interactions: int,
    contacts: int,
    seed: int,
    partitions: int,
    until: float,
    span_seconds: float,
) -> None:
    """A workload that has come in, up to `until` (Unix seconds)."""
    workload = Workload(
        interactions=interactions, contacts=contacts, seed=seed, partitions=partitions,
        until=until, span_seconds=span_seconds,
    )  # fmt: skip
    filling = await Filling.begin(database, rules, partitions)
    try:
        start = until - span_seconds
        await filling.fill(workload.sendings(), start, span_seconds / interactions)
        await filling.look(int(until * 1_000_000))
    finally:
        await filling.end()
