"""A decided batch on its way from the decider through apply to publish."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

import msgspec

from app.domain.interaction import Microseconds
from app.handling.partition import OwnedPartition
from app.handling.ports import Position
from app.handling.records import OutputRecord, SourceRecord
from app.storage.account_rows import AccountRows
from app.storage.command_results import CommandResultRow
from app.storage.halts import HaltRow
from app.storage.models import ActivationRow, SweepRow
from app.storage.rows import (
    ApplyBatch,
    CheckRow,
    ContactRow,
    CounterDelta,
    DeadLetterRow,
    DealsRow,
    ErasureRow,
    HistoryRow,
    ListingRow,
    ProfileRow,
    SealedRow,
    SegmentRow,
)

NO_CHECK: Final[Microseconds] = 2**63 - 1
"""Later than any."""

Fetched = list[tuple[OwnedPartition, list[SourceRecord]]]

SourceKey = tuple[int, int, int]
"""(topic index, partition, offset)"""


class PartitionDue(NamedTuple):
    """Contacts of a partition whose timers are due at its horizon."""

    owned: OwnedPartition
    horizon: Microseconds
    contacts: list[CheckRow]
    sweep: SweepRow | None = None
    """Where their sweep stands when they are applied; None: their timers are due."""


Due = list[PartitionDue]


class PartitionBatch(msgspec.Struct):
    """One partition's share: `position` is D once it is applied, K once it is published."""

    owned: OwnedPartition
    position: Position
    events: bytes
    n: int
    records: list[OutputRecord]
    outputs: bytes
    is_silent: bool = False
    """It was published before the database was restored: K does not move with it."""


class DecidedBatch(msgspec.Struct):
    """What one PostgreSQL transaction writes and what is published after it."""

    number: int
    """Of this incarnation, from 1."""
    decided_at: Microseconds
    fetched: Fetched
    oldest_intent: Microseconds | None = None
    """When the first of the intents in it arrived."""
    applied_at: float = 0.0
    """Monotonic seconds."""
    size_bytes: int = 0
    """Once applied: what waits in memory until it is published."""
    parts: list[PartitionBatch] = []
    contacts: list[ContactRow] = []
    history: list[HistoryRow] = []
    sealed: list[SealedRow] = []
    dead_letters: list[DeadLetterRow] = []
    counters: list[CounterDelta] = []
    accounts: AccountRows | None = None
    """Of the account lane."""
    erasures: list[ErasureRow] = []
    activations: list[ActivationRow] = []
    sweeps: list[SweepRow] = []
    results: list[CommandResultRow] = []
    halts: list[HaltRow] = []
    listings: list[ListingRow] = []
    profiles: list[ProfileRow] = []
    deals: list[DealsRow] = []
    event_times: list[Microseconds] = []
    """Effective times of live interactions, for the age metric."""
    span: Any = None
    """Where it is traced."""
    traceparents: list[str] = []
    """Of its interactions, where it is traced."""
    check_at: Microseconds = NO_CHECK
    """The earliest of its contacts."""
    stuck: list[CheckRow] = []
    """Due contacts that are as due as before."""
    applied: asyncio.Event | None = None
    """Of a batch of due contacts: somebody waits for it."""

    def source_keys(self) -> list[SourceKey]:
        """The records it was decided from."""
        return [key_of(record) for _, records in self.fetched for record in records]

    def forget_applied(self) -> None:
        """What publishing does not need; the rest is weighed, once."""
        self.fetched, self.contacts, self.history, self.accounts = [], [], [], None
        self.erasures, self.listings, self.profiles, self.deals = [], [], [], []
        self.results = []
        for part in self.parts:
            part.events = part.outputs = b""
            self.size_bytes += sum([len(record.value or b"") + 600 for record in part.records])

    def for_apply(self, lane: str) -> ApplyBatch:
        """With the K of every partition as known now."""
        day = day_of(self.decided_at)
        return ApplyBatch(
            lane=lane,
            moves=[part.owned.move(part.position) for part in self.parts],
            contacts=self.contacts,
            history=self.history,
            sealed=self.sealed,
            dead_letters=self.dead_letters,
            segments=[
                SegmentRow(
                    day=day,
                    partition=part.position.partition,
                    batch_seq=part.position.batch_seq,
                    next_offsets=part.position.offsets,
                    as_of=part.position.as_of,
                    n=part.n,
                    events=part.events,
                    outputs=part.outputs,
                )
                for part in self.parts
            ],
            counters=self.counters,
            accounts=self.accounts,
            erasures=self.erasures,
            activations=self.activations,
            sweeps=self.sweeps,
            results=self.results,
            halts=self.halts,
            listings=self.listings,
            profiles=self.profiles,
            deals=self.deals,
        )


def begin(owned: OwnedPartition, records: Sequence[SourceRecord]) -> PartitionBatch:
    """A partition's next batch: numbered, and D as it is once these records are applied."""
    offsets = list(owned.decided.offsets)
    as_of = 0
    for record in records:
        offsets[record.topic] = record.offset + 1
        if record.timestamp_ms > as_of:
            as_of = record.timestamp_ms
    position = owned.begin_batch(tuple(offsets), as_of * 1000)
    owned.in_hand -= len(records)
    return PartitionBatch(owned, position, b"", 0, [], b"")


def begin_due(owned: OwnedPartition, horizon: Microseconds) -> PartitionBatch:
    """A batch without records: only its number and `as_of` move."""
    position = owned.begin_batch(owned.decided.offsets, horizon)
    return PartitionBatch(owned, position, b"", 0, [], b"")


def key_of(record: SourceRecord) -> SourceKey:
    return record.topic, record.partition, record.offset


def day_of(moment: Microseconds) -> date:
    """The UTC day a batch is filed under."""
    return datetime.fromtimestamp(moment / 1_000_000, UTC).date()
