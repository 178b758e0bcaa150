"""What a run left behind, as plain data: topics, tables, offsets. The checker sees only this."""

from dataclasses import dataclass, field
from typing import NamedTuple

from tests.failure.envelope import ContactKey, Coordinates, Earlier, Record

Partition = tuple[str, int]


class ContactRow(NamedTuple):
    partition: int
    stage: str
    seq: int


class HistoryRow(NamedTuple):
    """A row of stage_change."""

    tenant: str
    contact_id: str
    seq: int
    kind: str
    transition_id: str
    transition: str
    from_stage: str
    to_stage: str
    cycle: int
    effective_at: int
    cause_id: str
    revokes: str | None


class LaneRow(NamedTuple):
    """D of one partition; offsets by topic."""

    batch_seq: int
    next_offsets: dict[str, int]


class SegmentRow(NamedTuple):
    partition: int
    batch_seq: int
    next_offsets: dict[str, int]
    interactions: tuple[Coordinates, ...]


class Ends(NamedTuple):
    last_stable: int
    high_watermark: int


@dataclass
class Observed:
    partitions: int
    inputs: list[Record]
    earlier: Earlier | None = None
    acknowledged: set[Coordinates] = field(default_factory=set)
    """Where the broker said it stored what the traffic produced."""
    stage_changes: list[Record] = field(default_factory=list)
    opportunities: list[Record] = field(default_factory=list)
    snapshots: list[Record] = field(default_factory=list)
    dead_letters: list[Record] = field(default_factory=list)
    contact_rows: dict[ContactKey, ContactRow] = field(default_factory=dict)
    history_rows: list[HistoryRow] = field(default_factory=list)
    dead_letter_rows: list[tuple[Coordinates, str]] = field(default_factory=list)
    counters: dict[tuple[int, str, str], int] = field(default_factory=dict)
    """(partition, tenant, stage) -> contacts."""
    lanes: dict[int, LaneRow] = field(default_factory=dict)
    segments: list[SegmentRow] = field(default_factory=list)
    skipped: set[tuple[int, int]] = field(default_factory=set)
    """(partition, batch): numbers that were used before a restore, and by no batch since."""
    committed: dict[Partition, tuple[int, str]] = field(default_factory=dict)
    """K: (offset, metadata) of each input partition."""
    ends: dict[Partition, Ends] = field(default_factory=dict)
