"""The seams of the lane: what it needs from Kafka, given to it by the composition root."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Literal, NamedTuple, Protocol

from app.domain.changes import Change
from app.domain.interaction import Microseconds
from app.handling.records import OutputRecord, SourceRecord
from app.storage.rows import Offsets


class Position(NamedTuple):
    """K of a partition: everything up to batch `batch_seq` is published."""

    partition: int
    batch_seq: int
    offsets: Offsets
    as_of: Microseconds


class Rebalance(Protocol):
    """Who is told when lane partitions come and go. `revoked` may wait, bounded."""

    async def revoked(self, partitions: frozenset[int]) -> None: ...

    def assigned(self, partitions: frozenset[int]) -> None: ...


class Told(NamedTuple):
    """A stage change as it was published, or the word about an opportunity that goes with one."""

    tenant: str
    contact_id: str
    seq: int
    decided_at: Microseconds
    change: Change | None
    opportunity: Literal["became", "closed", "revoked"] | None
    outcome: str | None


class Past(Protocol):
    """Records of one lane partition from a position on, read beside the group, read_committed."""

    async def start(self, partition: int, offsets: Offsets) -> None: ...

    async def fetch(self, max_records: int, timeout_seconds: float) -> list[SourceRecord]:
        """Some more of them, each topic's in order. Raises Unavailable, Halted."""
        ...

    def passed(self, offsets: Offsets) -> list[bool]:
        """Of each topic: nothing before its offset is left to be fetched."""
        ...

    async def stop(self) -> None: ...


class Source(Protocol):
    """The consumer: one member of the group, alive across incarnations."""

    @property
    def topics(self) -> Sequence[str]:
        """The lane's topics in their order."""
        ...

    async def start(self, rebalance: Rebalance) -> None: ...

    async def stop(self) -> None: ...

    def assigned(self) -> frozenset[int]:
        """Lane partitions of which every topic is this member's now."""
        ...

    def trouble(self) -> str | None:
        """Why this is no working member of the group now, for people; None: it is one."""
        ...

    def renew_access(self) -> None:
        """Log on with what the settings' files say now, from the next connection on."""

    def past(self) -> Past:
        """For reading again what this group has read."""
        ...

    def rejoin(self) -> None:
        """Doubt the assignment: none until the group has said again what is this member's."""
        ...

    def accept(self, partition: int, offsets: Offsets) -> None:
        """Seek to D and let records flow, in one step."""
        ...

    def hold(self, partition: int) -> None:
        """Let no more records of the partition flow."""
        ...

    async def fetch(
        self, max_records: int, timeout_seconds: float
    ) -> dict[int, list[SourceRecord]]:
        """Records of accepted partitions, each partition's in order; empty after the time-out."""
        ...

    def ends(self, partition: int) -> Offsets:
        """The end of each topic's partition as the last fetch saw it; 0: not fetched yet."""
        ...

    def passed(self, partition: int, offsets: Offsets) -> list[bool]:
        """Of each topic: all before that offset was given out, if it was a record."""
        ...

    def seconds_since_end(self, partition: int) -> float | None:
        """How long ago all topics of an accepted partition were seen read to their end; None: they
        are not, or it is not known yet."""
        ...


class Outlet(Protocol):
    """The one transactional producer of an incarnation. Any exception: the outcome is unknown."""

    async def start(self) -> None:
        """init_transactions; Unavailable if the broker can't be reached."""
        ...

    async def publish(self, records: Sequence[OutputRecord], positions: Sequence[Position]) -> None:
        """One Kafka transaction: the records and K of every position."""
        ...

    async def close(self) -> None:
        """Drop it, bounded; never aborts."""
        ...


class Coordinator(Protocol):
    """Questions to the broker that belong to nobody's session."""

    async def fence(self, owner: str) -> None:
        """init_transactions with the predecessor's id: aborts its open transaction."""
        ...

    async def committed(self, partition: int) -> Position | None:
        """K from the group's committed offsets and metadata; None: there are none."""
        ...

    async def bounds(self, partition: int) -> tuple[Offsets, Offsets]:
        """(earliest, end) offset of each topic."""
        ...

    async def scan(self, lane: str, partition: int) -> int:
        """The highest batch_seq of the partition found on the outputs (read_committed); 0: none."""
        ...

    async def told(
        self, lane: str, partition: int, after_seq: int, until_seq: int, since: Microseconds
    ) -> set[bytes]:
        """`ce_id` of what was published of these batches and decided since then
        (read_committed)."""
        ...

    def changes(
        self, lane: str, partition: int, after_seq: int, until_seq: int
    ) -> AsyncIterator[Told]:
        """What was published of these batches about stages (read_committed), each topic's in
        order."""
        ...

    async def close(self) -> None: ...


class Register(Protocol):
    """Who was erased, by routing keys. Both raise Unavailable."""

    async def digest(self, key: str) -> bytes:
        """What is kept of an erased contact."""
        ...

    async def erased_among(self, keys: Collection[str]) -> set[str]:
        """As the last apply left it."""
        ...
