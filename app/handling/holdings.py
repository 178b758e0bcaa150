"""Which lane partitions an incarnation holds: taken over in the background, released on revoke."""

import asyncio
from collections.abc import Mapping

import asyncpg
import structlog

from app.errors import FunnelError, Halted, Unclean
from app.failpoints import Failpoint, InjectedFault, hit
from app.handling.cache import ContactCache
from app.handling.halts import LOOK_SECONDS, Halts
from app.handling.partition import OwnedPartition
from app.handling.parts import Parts
from app.handling.stall import StallGuard
from app.handling.takeover import Abandoned, RowMoved, Takeover
from app.storage import ownership
from app.storage.catch_ups import CatchUp
from app.storage.halts import HaltReason, HaltRow

log = structlog.get_logger(__name__)


class Holdings:
    """wanted (the group says so) -> owned (the row says so) -> active (records flow)."""

    def __init__(
        self,
        parts: Parts,
        owner: str,
        cache: ContactCache,
        stall: StallGuard,
        halts: Halts,
    ) -> None:
        """`halts`: partitions a person must look at first, and why; outlives the incarnation."""
        self._parts = parts
        self._owner = owner
        self._cache = cache
        self._stall = stall
        self._owned: dict[int, OwnedPartition] = {}
        self._released: dict[int, OwnedPartition] = {}
        self._wanted: set[int] = set()
        self._changed = asyncio.Event()
        self._has_behind = asyncio.Event()
        self._lock = asyncio.Lock()
        self._is_ending = False
        self._is_over = False
        self._releases: set[asyncio.Task[bool]] = set()
        self._connection: asyncpg.Connection | None = None
        self.halts = halts
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Ends the incarnation: a release met an error the rebalance listener would swallow."""

    @property
    def owned(self) -> Mapping[int, OwnedPartition]:
        return self._owned

    @property
    def catching_up(self) -> list[int]:
        """Owned partitions that decide again, after a restore, what was published."""
        return sorted(p for p, owned in self._owned.items() if owned.catching_up is not None)

    async def behind(self) -> tuple[OwnedPartition, CatchUp]:
        """The next partition that has to catch up, once there is one."""
        while True:
            for _, owned in sorted(self._owned.items()):
                if owned.catching_up is not None:
                    return owned, owned.catching_up
            self._has_behind.clear()
            await self._has_behind.wait()

    def caught_up(self, owned: OwnedPartition) -> None:
        """It works as any other from now on."""
        owned.catching_up = None
        self._changed.set()

    @property
    def waiting(self) -> list[int]:
        """Wanted partitions that no records flow from."""
        return sorted(p for p in self._wanted if p not in self._owned or not self.is_active(p))

    def is_active(self, partition: int) -> bool:
        owned = self._owned.get(partition)
        return owned is not None and owned.is_active

    def assigned(self, partitions: frozenset[int]) -> None:
        """The group gave this member exactly these."""
        if self._is_ending:
            return
        self._wanted = set(partitions)
        self._changed.set()

    async def revoked(self, partitions: frozenset[int]) -> None:
        """The group takes these away: stop their intake, finish them, release them; bounded."""
        self._wanted -= partitions
        if self._is_over:
            return
        release = asyncio.create_task(self._release(partitions))
        self._releases.add(release)
        await asyncio.wait([release])
        self._releases.discard(release)
        if not release.cancelled() and (failed := release.exception()) is not None:
            self._fail(failed)

    async def release_all(self) -> bool:
        """Before the end; False where something could not be finished in time."""
        self._is_ending = True
        self._wanted.clear()
        # Twice: a takeover under way may end in between.
        return await self._release(frozenset(self._owned)) and await self._release(
            frozenset(self._owned)
        )

    def end(self) -> None:
        """The incarnation is over: nobody is left who could finish what a revocation waits for."""
        self._is_ending = self._is_over = True
        for release in self._releases:
            release.cancel()
        if self.failed.done():
            self.failed.exception()  # it had its effect, or an earlier one ended the incarnation

    def _fail(self, failed: BaseException) -> None:
        """End the incarnation: aiokafka would only log what its listener raises."""
        if isinstance(failed, FunnelError | InjectedFault):
            failed = Unclean(f"a release failed: {failed}")
        if not self._is_over and not self.failed.done():
            self.failed.set_exception(failed)

    def halt(self, partition: int, why: str, reason: HaltReason = HaltReason.FAULT) -> HaltRow:
        """Let nothing more of it in until a person has looked."""
        row = HaltRow(partition, reason, why, self._parts.clock())
        self.halts.add(row)
        self._changed.set()
        owned = self._owned.get(partition)
        if owned is not None:
            owned.is_active = False
            self._parts.source.hold(partition)
        return row

    async def take_over(self, takeover: Takeover, connection: asyncpg.Connection) -> None:
        """Run for ever, beside the stages: aiokafka sends no heartbeats while a rebalance listener
        runs, so a takeover can't be done there."""
        self._connection = connection
        if self.halts:
            self._changed.set()
        while True:
            await self._until_changed()
            self._changed.clear()
            if self.halts:
                async with self._lock:
                    await self._look_at_halts(connection)
            for partition in sorted(self._wanted - self.halts.partitions):
                async with self._lock:
                    await self._take_one(takeover, connection, partition)

    async def _until_changed(self) -> None:
        """Or, while a partition is halted, until it is time to look whether it still is."""
        try:
            async with asyncio.timeout(LOOK_SECONDS if self.halts else None):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _look_at_halts(self, connection: asyncpg.Connection) -> None:
        """What was resumed is released and taken over anew, once all that was decided is published:
        so nothing that was fetched before is taken for new."""
        for partition in await self.halts.look(connection, self._wanted):
            owned = self._owned.get(partition)
            if owned is not None:
                if not owned.is_settled:
                    continue  # at the next look
                await self._release_one(partition)
            self.halts.resume(partition)

    async def _take_one(
        self, takeover: Takeover, connection: asyncpg.Connection, partition: int
    ) -> None:
        if partition in self.halts:
            return
        owned = self._owned.get(partition)
        if owned is None:
            try:
                owned, is_remembered = await takeover.take(
                    connection,
                    partition,
                    lambda: self._still_wanted(partition),
                    self._released.get(partition),
                )
                if self._parts.library is not None:
                    owned.rulings = await self._parts.library.rulings(
                        connection, partition, owned.decided.as_of
                    )
            except Abandoned:
                return
            except RowMoved:
                self._changed.set()
                return
            except Halted as halted:
                self.halt(partition, str(halted))
                return
            if not is_remembered:
                self._cache.forget(partition)
            self._released.pop(partition, None)
            self._owned[partition] = owned
            await self.halts.check(connection, partition)
            if partition in self.halts:
                return
        if owned.catching_up is not None:
            self._has_behind.set()
        elif partition in self._wanted and not owned.is_active:
            hit(Failpoint.TAKEOVER_BEFORE_SEEK)
            self._parts.source.accept(partition, owned.decided.offsets)
            owned.is_active = True

    def _still_wanted(self, partition: int) -> bool:
        if self._stall.was_stalled():
            # Others may own what this process believes is its: a woken zombie must not fence them.
            raise Unclean("this process was stopped for a while")
        return partition in self._wanted

    async def _release(self, partitions: frozenset[int]) -> bool:
        for partition in partitions:
            if partition in self._owned:
                self._owned[partition].is_active = False
                self._owned[partition].catching_up = None
        bound_seconds = self._parts.settings.lane.release_timeout_seconds
        try:
            async with asyncio.timeout(bound_seconds), self._lock:
                for partition in sorted(partitions):
                    await self._release_one(partition)
        except TimeoutError:
            # The next owner fences this incarnation. It may go on with its other partitions, and
            # if it is given these again it finds its own id in the row and starts anew.
            log.warning("release_timed_out", partitions=sorted(partitions))
            for partition in partitions:
                self._owned.pop(partition, None)
            return False
        return True

    async def _release_one(self, partition: int) -> None:
        owned = self._owned.get(partition)
        if owned is None or self._connection is None:
            return
        owned.is_active = False
        hit(Failpoint.RELEASE_BEFORE_DRAIN)
        await owned.settled()
        hit(Failpoint.RELEASE_BEFORE_ROW)
        is_released = await ownership.release_partition(
            self._connection,
            self._parts.lane,
            partition,
            epoch=owned.epoch,
            owner=self._owner,
            published_seq=owned.published.batch_seq,
            published_offsets=owned.published.offsets,
        )
        self._owned.pop(partition, None)
        if is_released and owned.is_at_k:
            self._released[partition] = owned
