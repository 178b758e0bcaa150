import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from app.errors import SetupError
from app.runtime.shell import run
from app.runtime.web import WebService


class Application:
    """Answers when told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.is_closed = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.set()
        await self.answers.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def close(self) -> None:
        self.is_closed = True


def service(application: Application, port: int = 0, drain: float = 5.0) -> WebService:
    return WebService(
        application,
        application.close,
        host="127.0.0.1",
        port=port,
        drain_timeout_seconds=drain,
    )


@asynccontextmanager
async def running(web: WebService) -> AsyncIterator[tuple[asyncio.Event, asyncio.Task[int]]]:
    stop, started = asyncio.Event(), asyncio.Event()
    ended = asyncio.create_task(
        run(lambda: [web], drain_timeout_seconds=5.0, stop=stop, started=started)
    )
    await started.wait()
    yield stop, ended
    stop.set()
    await ended


async def test_it_answers_and_lets_go_when_stopped() -> None:
    application = Application()
    application.answers.set()
    web = service(application)
    async with (
        running(web) as (stop, ended),
        aiohttp.ClientSession() as session,
        session.get(f"{web.url}/x") as answer,
    ):
        assert answer.status == 204
        assert "server" not in answer.headers
        stop.set()
        assert await ended == 0
    assert application.is_closed


async def test_what_was_asked_before_the_stop_is_answered() -> None:
    application = Application()
    web = service(application)
    async with running(web) as (stop, ended), aiohttp.ClientSession() as session:
        asked = asyncio.create_task(session.get(f"{web.url}/x"))
        await application.asked.wait()
        stop.set()
        application.answers.set()
        assert (await asked).status == 204
        assert await ended == 0


async def test_a_taken_port_is_an_error_that_says_so_and_everything_is_let_go() -> None:
    taken = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    application = Application()
    with pytest.raises(SetupError, match=f"port {port} .* is taken.*FUNNEL_API__PORT"):
        await run(lambda: [service(application, port)], drain_timeout_seconds=5.0)
    assert application.is_closed
    taken.close()
    await taken.wait_closed()
