"""One life of a lane: an id, a producer, database sessions, and what it remembers.

It ends by draining (`stop` was set) or by an exception. After any but a drain its memory is thrown
away, its id is never used again, and the next incarnation takes every partition over.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import asyncpg

from app.errors import Poison, Unavailable, Unclean
from app.failpoints import Failpoint, InjectedFault, hit
from app.handling.alarm import Alarm
from app.handling.batch import SourceKey
from app.handling.behind import Behind
from app.handling.cache import ContactCache
from app.handling.catching_up import CatchingUp
from app.handling.checks import checks_on
from app.handling.erasing import Eraser
from app.handling.halts import Halts
from app.handling.holdings import Holdings
from app.handling.horizon import Horizon
from app.handling.parts import Deciding, Firing, Lent, Parts
from app.handling.pipeline import Pipeline
from app.handling.stall import StallGuard
from app.handling.standing import count_contacts
from app.handling.sweep import Sweep
from app.handling.takeover import Takeover
from app.handling.timers import Timers
from app.storage import apply as applying
from app.storage.connect import connect
from app.storage.revision import check_revision

HOUSEKEEPING_SECONDS: Final = 6 * 3600.0
FIRST_HOUSEKEEPING_SECONDS: Final = 60.0
"""Soon: an incarnation may not live for hours."""
WATCH_SECONDS: Final = 0.5
CANCEL_AGAIN_SECONDS: Final = 1.0
RENEW_SECONDS: Final = 5.0
SESSIONS: Final = 5
"""To apply, to load, to own, to erase, to catch up; one more where there are timers to look for."""


class Incarnation:
    def __init__(
        self,
        parts: Parts,
        owner: str,
        rejected: dict[SourceKey, Poison],
        suspects: set[SourceKey],
        batch_limit: int,
        stall: StallGuard,
        halts: Halts,
        behind: Behind,
    ) -> None:
        self._parts = parts
        self._owner = owner
        self._rejected = rejected
        self._behind = behind
        self._outlet = parts.outlet(owner)
        self._cache = ContactCache(parts.settings.lane.cache_max_bytes)
        self.holdings = Holdings(parts, owner, self._cache, stall, halts)
        self._alarm = Alarm()
        self.pipeline = Pipeline(
            parts,
            self.holdings,
            self._cache,
            self._outlet,
            self._alarm,
            suspects,
            rejected,
            batch_limit,
            behind,
        )
        self._connections: list[asyncpg.Connection] = []
        self.is_up = False
        """Its producer and its sessions stand; from here on its holdings tell how it is."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set and everything is drained. Raises what ended it otherwise."""
        try:
            # The id must be initialised before any row names it: one that never was can't be
            # fenced.
            await self._outlet.start()
            apply_on, load_on, own_on, erase_on, again_on = [
                await self._session() for _ in range(SESSIONS)
            ]
            hit(Failpoint.INCARNATION_BEFORE_CONNECT)
            await check_revision(apply_on)  # an upgrade may have been finished meanwhile
            await applying.prepare(apply_on)
            decider = self._parts.decider(self._parts, self._lent(load_on))
            timers = None
            if isinstance(decider, Firing):
                timers = self._timers(decider, await self._session())
            self.holdings.assigned(self._parts.source.assigned())
            self.is_up = True
            pipeline = self.pipeline
            stages = [
                self.holdings.take_over(self._takeover(), own_on),
                pipeline.take_in(decider),
                pipeline.apply(apply_on),
                pipeline.publish(),
                self._behind.lag.measure(self.holdings.owned),
                self._watch_sessions(),
                self._keep_house(),
                self._renew_access(),
                self._eraser(erase_on).run(),
                self._catching_up(decider, again_on).run(),
            ]
            if timers is not None:
                parts = self._parts
                counting = count_contacts(
                    self.holdings.owned, parts.settings.database, parts.metrics
                )
                stages += [timers.run(), counting]
                self._behind.tell_of_intents()
            await self._work(stop, stages)
        except InjectedFault as fault:
            raise Unclean(str(fault)) from fault
        finally:
            self.holdings.end()
            for connection in self._connections:
                connection.terminate()
            await self._outlet.close()

    def trouble(self) -> str | None:
        """Of the group membership, which outlives incarnations."""
        return self._parts.source.trouble()

    async def _work(self, stop: asyncio.Event, stages: Sequence[Any]) -> None:
        """The stages side by side; the first that fails ends all. On `stop`: drain, then end."""
        stopping = asyncio.create_task(stop.wait())
        running = [asyncio.create_task(stage) for stage in stages]
        ends: list[asyncio.Future[Any]] = [*running, self.holdings.failed]
        try:
            await asyncio.wait([*ends, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not any(end.done() for end in ends):
                draining = asyncio.create_task(self.holdings.release_all())
                ends.append(draining)
                running.append(draining)
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                if end.done():
                    end.result()
        finally:
            await _end_all([stopping, *running])

    async def _session(self) -> asyncpg.Connection:
        """It carries the id, so that a successor can end it."""
        hit(Failpoint.INCARNATION_BEFORE_CONNECT)
        connection = await connect(self._parts.settings.database, application_name=self._owner)
        self._connections.append(connection)
        return connection

    async def _watch_sessions(self) -> None:
        """An idle lane would not notice that PostgreSQL has gone, and go on saying it is ready."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if any(connection.is_closed() for connection in self._connections):
                raise Unavailable("PostgreSQL closed a session of this lane")

    async def _renew_access(self) -> None:
        """The group membership outlives passwords and certificates."""
        while True:
            self._parts.source.renew_access()
            await asyncio.sleep(RENEW_SECONDS)

    async def _keep_house(self) -> None:
        seconds = FIRST_HOUSEKEEPING_SECONDS
        while True:
            await asyncio.sleep(seconds)
            await self._parts.keep_house()
            seconds = HOUSEKEEPING_SECONDS

    def _lent(self, load_on: asyncpg.Connection) -> Lent:
        return Lent(self._cache, load_on, self.pipeline.applied_so_far, self._rejected)

    def _timers(self, decider: Firing, look_on: asyncpg.Connection) -> Timers:
        horizon = Horizon(self._parts.source)
        fire = partial(self.pipeline.fire, decider)
        return Timers(
            self.holdings,
            horizon,
            checks_on(look_on),
            self._alarm,
            fire,
            self._parts.metrics,
            Sweep(self.holdings, horizon, look_on, fire),
        )

    def _eraser(self, erase_on: asyncpg.Connection) -> Eraser:
        timeout_seconds = self._parts.settings.database.transaction_timeout_seconds
        return Eraser(self._parts.lane, self._owner, self.holdings, erase_on, timeout_seconds)

    def _catching_up(self, decider: Deciding, again_on: asyncpg.Connection) -> CatchingUp:
        return CatchingUp(self._parts, self.holdings, self.pipeline, self._cache, decider, again_on)

    def _takeover(self) -> Takeover:
        return Takeover(self._parts, self._owner, self.pipeline.in_transaction, self._behind)


async def _end_all(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancelled again from time to time: a library may have kept it to itself, and one that went on
    would keep the lane from ever working, or ending, again. Who waits here is cancelled last."""
    is_cancelled = False
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        try:
            _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
        except asyncio.CancelledError:
            is_cancelled = True
    await asyncio.gather(*tasks, return_exceptions=True)
    if is_cancelled:
        raise asyncio.CancelledError
