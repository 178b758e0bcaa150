"""What waits for its partition to get past a position, and since when; outlives incarnations.

An incarnation that ends leaves behind what it had not finished: that waits on, here, until the next
one has caught up with it, or until the partition is another process's, who then says so itself.
"""

from collections import deque
from collections.abc import Callable, Collection

from app.handling.ports import Position

IsPast = Callable[[Position, Position], bool]
"""Whether the first has reached the second."""


class Waiting:
    def __init__(self, is_past: IsPast) -> None:
        self._is_past = is_past
        self._waits: dict[int, deque[tuple[float, Position]]] = {}
        """By partition: since when, and what ends it."""

    def __len__(self) -> int:
        return sum(map(len, self._waits.values()))

    def add(self, position: Position, since: float) -> None:
        """Until its partition gets to `position`. What is known to wait up to there, or further,
        was noted before."""
        waits = self._waits.setdefault(position.partition, deque())
        if not (waits and self._is_past(waits[-1][1], position)):
            waits.append((since, position))

    def reached(self, position: Position) -> None:
        """Its partition stands there."""
        waits = self._waits.get(position.partition, ())
        while waits and self._is_past(position, waits[0][1]):
            waits.popleft()

    def keep(self, partitions: Collection[int]) -> None:
        """The others went elsewhere."""
        for gone in self._waits.keys() - set(partitions):
            del self._waits[gone]

    def oldest(self) -> float | None:
        """Since when the oldest waits; None: nothing does."""
        return min((since for waits in self._waits.values() for since, _ in waits), default=None)


def by_records(position: Position, other: Position) -> bool:
    """Another incarnation cuts other batches from the same records."""
    return all(mine >= theirs for mine, theirs in zip(position.offsets, other.offsets, strict=True))


def by_batches(position: Position, other: Position) -> bool:
    """Batches that are applied stay as they are; those of timers move no offset."""
    return position.batch_seq >= other.batch_seq
