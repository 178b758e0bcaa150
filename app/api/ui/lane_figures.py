"""The lanes in figures: each partition's lag, owner and outbox, and all of them together."""

from collections.abc import Iterable
from typing import NamedTuple

from app.api.lag import PartitionLag
from app.api.partitions import Halt, LanePartition


class PartitionFigures(NamedTuple):
    """A partition of a lane: its topics together."""

    lane: str
    partition: int
    lag: int
    apply_lag: int
    behind_seconds: float
    outbox: int
    """Batches applied and not yet published, as its owner last knew."""
    takeovers: int
    owner: str | None
    halted: Halt | None


class Figures(NamedTuple):
    partitions: list[PartitionFigures]
    topics: list[PartitionLag]
    applied: int
    """Records, of all topics since they began."""

    @property
    def lag(self) -> int:
        return sum(each.lag for each in self.partitions)

    @property
    def behind_seconds(self) -> float:
        return max((each.behind_seconds for each in self.partitions), default=0.0)

    @property
    def outbox(self) -> int:
        return sum(each.outbox for each in self.partitions)

    @property
    def takeovers(self) -> int:
        return sum(each.takeovers for each in self.partitions)

    @property
    def unowned(self) -> int:
        return sum(each.owner is None for each in self.partitions)

    @property
    def halted(self) -> list[PartitionFigures]:
        return [each for each in self.partitions if each.halted is not None]

    @property
    def owners(self) -> int:
        return len({each.owner for each in self.partitions if each.owner is not None})


def figures_of(topics: list[PartitionLag], lanes: Iterable[LanePartition]) -> Figures:
    owned = {(each.lane, each.partition): each for each in lanes}
    names = {
        (topic, each.partition): each.lane for each in owned.values() for topic in each.next_offsets
    }
    by_owner: dict[tuple[str, int], list[PartitionLag]] = {key: [] for key in owned}
    for row in topics:
        lane = names.get((row.topic, row.partition))
        if lane is not None:  # else no worker has seen it yet
            by_owner[lane, row.partition].append(row)
    partitions = [_partition(owned[key], by_owner[key]) for key in sorted(by_owner, key=_order)]
    return Figures(partitions, topics, sum(row.applied or 0 for row in topics))


def _outbox(rows: Iterable[PartitionLag], owned: LanePartition) -> int:
    """The row learns with the next batch what is published; the group's offsets know it now."""
    if all((row.published or 0) >= (row.applied or 0) for row in rows):
        return 0
    return owned.batch_seq - owned.published_seq


def _order(key: tuple[str, int]) -> tuple[bool, int]:
    """The contacts' lane first."""
    return key[0] != "contacts", key[1]


def _partition(owned: LanePartition, rows: list[PartitionLag]) -> PartitionFigures:
    return PartitionFigures(
        owned.lane,
        owned.partition,
        sum(row.lag for row in rows),
        sum(row.apply_lag for row in rows),
        max((row.behind_seconds or 0.0 for row in rows), default=0.0),
        _outbox(rows, owned),
        owned.epoch,
        owned.owner,
        owned.halted,
    )
