"""Knows when this process was stopped (SIGSTOP, a sleeping host): others may own its work."""

import asyncio
import time

TICK_SECONDS = 0.25


class StallGuard:
    """A tick that goes missing. `was_stalled` is true from the gap on, for the guard's life."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._last = time.monotonic()
        self._stalled = False

    def was_stalled(self) -> bool:
        """True once the loop stood still for longer than the limit."""
        if time.monotonic() - self._last > self._limit_seconds:
            self._stalled = True
        return self._stalled

    async def tick(self) -> None:
        """Run for ever beside the work that is guarded."""
        while True:
            self.was_stalled()
            self._last = time.monotonic()
            await asyncio.sleep(TICK_SECONDS)
