"""When to look for due timers again: after a while, or when something earlier was stored."""

import asyncio

from app.domain.interaction import Microseconds


class Alarm:
    """One waits; whoever stores a `check_at` says so."""

    def __init__(self) -> None:
        self._until: Microseconds = 0
        self._rung = asyncio.Event()

    def stored(self, check_at: Microseconds) -> None:
        """Wakes who would sleep past it."""
        if check_at < self._until:
            self._rung.set()

    def set(self, until: Microseconds) -> None:
        """From now on what is stored before `until` rings. Set it before looking, so that nothing
        stored meanwhile is missed."""
        self._until = until
        self._rung.clear()

    async def wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return
