"""What one batch writes, in the shape the apply packs: plain rows, no behaviour."""

from datetime import date

import msgspec

from app.domain.changes import Change, ContactChange, SealedChunk
from app.domain.interaction import Microseconds
from app.domain.listing import Deals, Listing
from app.domain.personal import Profile
from app.storage.account_rows import AccountRows
from app.storage.command_results import CommandResultRow
from app.storage.halts import HaltRow
from app.storage.models import ActivationRow, SweepRow

Offsets = tuple[int, ...]
"""One next offset for each topic of the lane, in the lane's topic order."""


class PartitionRow(msgspec.Struct, frozen=True):
    """A row of lane_partition as read."""

    lane: str
    partition: int
    epoch: int
    owner: str | None
    batch_seq: int
    next_offsets: Offsets
    as_of: Microseconds
    published_seq: int
    published_offsets: Offsets


class PartitionMove(msgspec.Struct, frozen=True):
    """Moves D of one partition: matches only where epoch, batch_seq and offsets are as expected."""

    partition: int
    epoch: int
    expected_seq: int
    expected_offsets: Offsets
    batch_seq: int
    next_offsets: Offsets
    as_of: Microseconds
    published_seq: int
    """K known now."""
    published_offsets: Offsets


class HistoryRow(msgspec.Struct, frozen=True, gc=False):
    partition: int
    tenant: str
    contact_id: str
    decided_at: Microseconds
    change: Change
    since: Microseconds | None = None
    """When its stage before was entered, where that is known."""


class ContactRow(msgspec.Struct, frozen=True, gc=False):
    partition: int
    change: ContactChange


class ListingRow(msgspec.Struct, frozen=True, gc=False):
    """A contact's place in lists; written when it changed."""

    partition: int
    tenant: str
    contact_id: str
    updated_at: Microseconds
    listing: Listing


class ProfileRow(msgspec.Struct, frozen=True, gc=False):
    """Personal data as a batch told it; what it does not tell stays."""

    partition: int
    tenant: str
    contact_id: str
    told: Profile


class DealsRow(msgspec.Struct, frozen=True, gc=False):
    """All open deals of a contact, in the place of those it had."""

    partition: int
    tenant: str
    contact_id: str
    deals: Deals


class SealedRow(msgspec.Struct, frozen=True, gc=False):
    partition: int
    chunk: SealedChunk


class StoredContact(msgspec.Struct, frozen=True, gc=False):
    """A row of contact as read."""

    partition: int
    tenant: str
    contact_id: str
    version: int
    stage: str
    seq: int
    state: bytes
    log: bytes


class CheckRow(msgspec.Struct, frozen=True, gc=False):
    """A contact of which a timer may be due."""

    partition: int
    tenant: str
    contact_id: str
    check_at: Microseconds


class StoredChange(msgspec.Struct, frozen=True, gc=False):
    """A row of stage_change as read. `revoked_at` is when a later record took it back."""

    partition: int
    tenant: str
    contact_id: str
    decided_at: Microseconds
    revoked_at: Microseconds | None
    change: Change


class DeadLetterRow(msgspec.Struct, frozen=True, gc=False):
    partition: int
    """The lane partition whose batch holds it."""
    topic: str
    source_partition: int
    source_offset: int
    reason: str
    message: str
    exception: str
    failed_at: Microseconds
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp_ms: int
    type: str | None = None
    """As it says itself, like its source; None: nothing that can be read."""
    source: str | None = None
    redriven: int = 0
    """How often it was sent again before it failed this time."""


class StoredDeadLetter(msgspec.Struct, frozen=True, gc=False):
    """A row of dead_letter as read. `id` grows with time and is the cursor of lists."""

    id: int
    lane: str
    row: DeadLetterRow
    redriven: int = 0
    """How often it was sent again."""
    redriven_at: Microseconds | None = None
    redriven_by: str | None = None


class LaneRow(msgspec.Struct, frozen=True):
    """A row of lane as read: home = murmur2 mod `partitions`; ids tell a recreated topic."""

    lane: str
    partitions: int
    topics: tuple[str, ...]
    topic_ids: tuple[str, ...]


class SegmentRow(msgspec.Struct, frozen=True, gc=False):
    """A batch of one partition: interaction log and outbox in one row."""

    day: date
    """Day of arrival, UTC."""
    partition: int
    batch_seq: int
    next_offsets: Offsets
    as_of: Microseconds
    n: int
    events: bytes
    outputs: bytes


class CounterDelta(msgspec.Struct, frozen=True, gc=False):
    partition: int
    tenant: str
    stage: str
    delta: int


class ErasureRow(msgspec.Struct, frozen=True, gc=False):
    """A contact of which nothing may be left."""

    partition: int
    tenant: str
    contact_id: str
    expected_version: int
    """The version its row must have now; 0: there must be none."""
    digest: bytes
    """What is kept instead (app.storage.erasure)."""
    erased_at: Microseconds


class ApplyBatch(msgspec.Struct, frozen=True):
    """Everything one PostgreSQL transaction writes for a lane."""

    lane: str
    moves: list[PartitionMove]
    contacts: list[ContactRow]
    history: list[HistoryRow]
    sealed: list[SealedRow]
    dead_letters: list[DeadLetterRow]
    segments: list[SegmentRow]
    counters: list[CounterDelta]
    accounts: AccountRows | None = None
    """Of the account lane."""
    erasures: list[ErasureRow] = []
    """Last: a contact's other rows of the batch are not written, or go with the rest."""
    activations: list[ActivationRow] = []
    sweeps: list[SweepRow] = []
    results: list[CommandResultRow] = []
    halts: list[HaltRow] = []
    listings: list[ListingRow] = []
    profiles: list[ProfileRow] = []
    deals: list[DealsRow] = []
