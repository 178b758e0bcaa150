"""Waiting for what becomes of commands: however many wait, PostgreSQL is asked one question.

The looks come soon after somebody begins to wait, then at growing distances; with nobody waiting
nobody looks. A notification by PostgreSQL would cost every apply that decides a command a lock that
all of them share.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import structlog

from app.errors import Unavailable
from app.storage.command_queries import Key, StoredCommand

log = structlog.get_logger(__name__)

FIRST_LOOK_SECONDS: Final = 0.02
LOOKS_APART_SECONDS: Final = 0.25
GROWTH: Final = 1.4

Look = Callable[[Collection[Key]], Awaitable[list[StoredCommand]]]
"""Those of them that are decided. Raises Unavailable."""


class CommandWaits:
    def __init__(self, look: Look, *, waits_max: int) -> None:
        self._look = look
        self._waits_max = waits_max
        self._waiting: dict[Key, list[asyncio.Future[StoredCommand]]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._pause_seconds = FIRST_LOOK_SECONDS

    @property
    def has_room(self) -> bool:
        return sum(map(len, self._waiting.values())) < self._waits_max

    async def decided(self, tenant: str, command_id: str, seconds: float) -> StoredCommand | None:
        """The command once it is decided; None: it is not in time."""
        key = (tenant, command_id)
        answer: asyncio.Future[StoredCommand] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(answer)
        self._pause_seconds = FIRST_LOOK_SECONDS
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_until_nobody_waits())
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            return None
        finally:
            self._waiting[key].remove(answer)
            if not self._waiting[key]:
                del self._waiting[key]

    async def _look_until_nobody_waits(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._pause_seconds)
            self._pause_seconds = min(LOOKS_APART_SECONDS, self._pause_seconds * GROWTH)
            if not (keys := list(self._waiting)):
                return
            try:
                found = await self._look(keys)
            except Unavailable as away:
                log.warning("nobody can look what became of commands", why=str(away))
                continue
            for command in found:
                for answer in self._waiting.get((command.tenant, command.command_id), ()):
                    if not answer.done():
                        answer.set_result(command)
