"""One stream from first byte to last: where it begins, what passed meanwhile, what comes."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable

from app.errors import Unavailable
from app.live import frames
from app.live.client import Client, Wanted
from app.live.frames import Control, Reason
from app.live.hub import Hub
from app.live.position import Position
from app.live.replay import CantResume, Replay
from app.settings import Live


class Streaming:
    def __init__(
        self, hub: Hub, replay: Replay, settings: Live, ended: Callable[[Reason], None]
    ) -> None:
        """`ended` is told of each stream that is ended here."""
        self._hub = hub
        self._replay = replay
        self._settings = settings
        self._ended = ended

    def join(self, wanted: Wanted) -> Client | None:
        """None: as many listen as may."""
        return self._hub.join(wanted)

    async def frames(self, client: Client, last_id: str | None) -> AsyncGenerator[bytes, None]:
        """Until it has ended; the client is let go however this ends."""
        try:
            yield frames.retry(self._retry_ms())
            async for chunk in self._until_begun(client):
                yield chunk
            if client.begins_at is not None:
                try:
                    async for chunk in self._beginning(client, client.begins_at, last_id):
                        yield chunk
                except Unavailable:
                    self._end(client, Reason.UNAVAILABLE)
                    yield frames.control(Control.END, Reason.UNAVAILABLE)
                    return
            async for chunk in self._live(client):
                yield chunk
        finally:
            self._hub.leave(client)

    async def _until_begun(self, client: Client) -> AsyncGenerator[bytes, None]:
        """Nothing but heartbeats, while Kafka is away."""
        while client.begins_at is None and not client.is_ended:
            try:
                async with asyncio.timeout(self._settings.stream_heartbeat_seconds):
                    await self._hub.began.wait()
            except TimeoutError:
                yield frames.heartbeat(None)

    async def _beginning(
        self, client: Client, begins_at: Position, last_id: str | None
    ) -> AsyncGenerator[bytes, None]:
        if last_id:
            after = Position.parse(last_id)
            try:
                if after is None:
                    raise CantResume(Reason.UNKNOWN_POSITION)
                async for chunk in self._replay.between(after, begins_at, client.wanted):
                    yield chunk
                return
            except CantResume as cant:
                yield frames.control(Control.RESET, cant.reason)
        yield frames.here(begins_at.text)

    async def _live(self, client: Client) -> AsyncGenerator[bytes, None]:
        clock = asyncio.get_running_loop().time
        heartbeat_seconds = self._settings.stream_heartbeat_seconds
        until = clock() + self._settings.stream_max_age_seconds * _uniform(0.9, 1.0)
        while not client.is_done:
            left = until - clock()
            if left <= 0 and not client.is_ended:
                client.end(Control.END, Reason.RENEW)
                self._end(client, Reason.RENEW)
            chunk = await client.next(max(0.0, min(heartbeat_seconds, left)))
            if chunk:
                yield chunk
            elif left > heartbeat_seconds:
                yield frames.heartbeat(self._hub.position.text)

    def _end(self, client: Client, reason: Reason) -> None:
        self._hub.leave(client)
        self._ended(reason)

    def _retry_ms(self) -> int:
        """Not the same for all, or all of a stopped process's would come back at once."""
        return round(1000 * self._settings.stream_retry_seconds * _uniform(0.5, 1.5))


def _uniform(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311 - it spreads a load, it guards nothing
