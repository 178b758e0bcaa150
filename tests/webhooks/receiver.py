"""A receiver of webhooks that answers as it is told, and keeps what it was sent."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook


@dataclass(frozen=True)
class Received:
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """The event; raises where the signature is not of this secret."""
        return Webhook(secret).verify(self.body, dict(self.headers))


@dataclass
class Receiver:
    answer: Callable[[Received], web.Response] = lambda _: web.Response()
    received: list[Received] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    same_at_once: bool = False
    """An event came while it was here already."""
    port: int = 0

    def __post_init__(self) -> None:
        self.may_answer.set()
        self._came = asyncio.Condition()
        self._here: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.received]

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/hook", self._hook)
        # Whoever gives up is not held at once with the others.
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self.may_answer.set()
        await self._runner.cleanup()

    async def got(self, count: int, seconds: float = 30.0) -> list[Received]:
        """So many at least, in the order in which they came."""
        async with asyncio.timeout(seconds), self._came:
            await self._came.wait_for(lambda: len(self.received) >= count)
        return self.received

    async def _hook(self, request: web.Request) -> web.Response:
        received = Received(request.headers, await request.read())
        self.same_at_once |= received.id in self._here
        self._here.add(received.id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            async with self._came:
                self.received.append(received)
                self._came.notify_all()
            await self.may_answer.wait()
            return self.answer(received)
        finally:
            self.at_once -= 1
            self._here.discard(received.id)
