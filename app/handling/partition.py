"""A lane partition that this incarnation owns."""

import asyncio

from app.domain.interaction import Microseconds
from app.handling.ports import Position
from app.handling.rulings import Rulings
from app.settings import DeadLetters
from app.storage.catch_ups import CatchUp
from app.storage.rows import Offsets, PartitionMove, PartitionRow


class OwnedPartition:
    """Where a partition stands: decided >= applied (D) >= published (K)."""

    def __init__(self, row: PartitionRow) -> None:
        self.partition = row.partition
        self.epoch = row.epoch
        self.decided = Position(row.partition, row.batch_seq, row.next_offsets, row.as_of)
        self.applied = self.decided
        self.published = self.decided
        self.is_active = False
        self.rulings: Rulings | None = None
        """None: no other model than the service's own was or can be activated."""
        self.catching_up: CatchUp | None = None
        """After a restore: what was published and is decided again, before it is active."""
        self.in_hand = 0
        """Records that were fetched and are not begun."""
        self._dead_in_a_row = 0
        self._dead_of_window = 0
        self._handled_of_window = 0
        self._pending = 0
        self._settled = asyncio.Event()
        self._settled.set()

    def too_many_dead(self, handled: int, dead: int, limits: DeadLetters) -> str | None:
        """After a batch: why the partition should stop, or None. Bad data comes in ones, a bad
        deploy in thousands."""
        self._dead_in_a_row = self._dead_in_a_row + dead if dead == handled else 0
        self._dead_of_window += dead
        self._handled_of_window += handled
        if self._dead_in_a_row >= limits.stop_after_consecutive:
            return f"{self._dead_in_a_row} dead letters in a row"
        if self._handled_of_window >= limits.stop_ratio_window:
            ratio = self._dead_of_window / self._handled_of_window
            self._dead_of_window = self._handled_of_window = 0
            if ratio >= limits.stop_ratio:
                return (
                    f"{ratio:.0%} of the last {limits.stop_ratio_window} records are dead letters"
                )
        return None

    def begin_batch(self, next_offsets: Offsets, as_of: Microseconds) -> Position:
        """Number the next batch; it is pending until `published_up_to` has passed it."""
        self._pending += 1
        self._settled.clear()
        last = self.decided
        self.decided = Position(
            self.partition, last.batch_seq + 1, next_offsets, max(last.as_of, as_of)
        )
        return self.decided

    def move(self, position: Position) -> PartitionMove:
        """The statement that moves D to `position`, with the K known now."""
        return PartitionMove(
            partition=self.partition,
            epoch=self.epoch,
            expected_seq=self.applied.batch_seq,
            expected_offsets=self.applied.offsets,
            batch_seq=position.batch_seq,
            next_offsets=position.offsets,
            as_of=position.as_of,
            published_seq=self.published.batch_seq,
            published_offsets=self.published.offsets,
        )

    def published_up_to(self, position: Position, *, is_silent: bool = False) -> None:
        """K moved: one pending batch less. `is_silent`: it stands before K, which stays."""
        if not is_silent:
            self.published = position
        self._pending -= 1
        if self._pending == 0:
            self._settled.set()

    @property
    def is_settled(self) -> bool:
        """Everything decided is published."""
        return self._pending == 0

    @property
    def is_at_k(self) -> bool:
        """All that was decided is published: not so while it catches up."""
        return self.applied == self.published

    async def settled(self) -> None:
        """Wait until everything decided is published."""
        await self._settled.wait()
