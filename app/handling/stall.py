"""Knows when this process was stopped (SIGSTOP, a sleeping host): others may own its work."""

import asyncio
import time
from collections.abc import Callable

TICK_SECONDS = 0.25


class StallGuard:
    """A tick that goes missing. `was_stalled` is true from the gap on until `forget`."""

    def __init__(self, limit_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit_seconds = limit_seconds
        self._clock = clock
        self._last = clock()
        self._stalled = False

    def was_stalled(self) -> bool:
        """True once the loop stood still for longer than the limit."""
        if self._clock() - self._last > self._limit_seconds:
            self._stalled = True
        return self._stalled

    def note(self) -> None:
        """The loop turns."""
        self.was_stalled()
        self._last = self._clock()

    def forget(self) -> None:
        """The group is being asked anew who owns what."""
        self.note()
        self._stalled = False

    async def tick(self) -> None:
        """Run for ever beside the work that is guarded."""
        while True:
            self.note()
            await asyncio.sleep(TICK_SECONDS)
