"""One listener of the live stream: what it asked for, and what waits for it."""

import asyncio
from collections import deque
from collections.abc import Set as AbstractSet

import msgspec

from app.live import frames
from app.live.event import LiveEvent
from app.live.frames import Control, Reason
from app.live.position import Position


class Wanted(msgspec.Struct, frozen=True):
    """Of one tenant; an empty set asks for all of them."""

    tenant: str
    types: AbstractSet[str] = frozenset()
    stages: AbstractSet[str] = frozenset()
    owner_teams: AbstractSet[str] = frozenset()

    def has(self, event: LiveEvent) -> bool:
        return (
            event.tenant == self.tenant
            and (not self.types or event.type in self.types)
            and (not self.stages or event.stage in self.stages)
            and (not self.owner_teams or event.owner_team in self.owner_teams)
        )


class Client:
    """A queue of encoded events, bounded: who reads too slowly is told so and ended."""

    def __init__(self, wanted: Wanted, *, queue_max_events: int) -> None:
        self.wanted = wanted
        self.begins_at: Position | None = None
        """What comes after is put here; None: the stream has not begun yet."""
        self.is_ended = False
        self._queue_max_events = queue_max_events
        self._waiting: deque[bytes] = deque()
        self._news = asyncio.Event()

    def put(self, frame: bytes) -> bool:
        """False: the queue was full, what was in it is gone, and this client has ended."""
        if len(self._waiting) >= self._queue_max_events:
            self._waiting.clear()
            self.end(Control.DROPPED, Reason.TOO_SLOW)
            return False
        self._waiting.append(frame)
        self._news.set()
        return True

    def end(self, name: Control, reason: Reason) -> None:
        """After what waits, a last event."""
        if not self.is_ended:
            self.is_ended = True
            self._waiting.append(frames.control(name, reason))
            self._news.set()

    @property
    def is_done(self) -> bool:
        """It has had its last event."""
        return self.is_ended and not self._waiting

    async def next(self, timeout_seconds: float) -> bytes:
        """All that waits, together; nothing, where nothing came in time."""
        if not self._waiting:
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._news.wait()
            except TimeoutError:
                pass
        self._news.clear()
        found = b"".join(self._waiting)
        self._waiting.clear()
        return found
