"""The issuer's keys are read from one address: no further, and not for ever."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from app.api.jwks import ANSWER_MAX_BYTES, fetching


@pytest.fixture
async def issuer() -> AsyncIterator[str]:
    async def keys(_: web.Request) -> web.Response:
        return web.Response(body=b'{"keys": []}')

    async def elsewhere(_: web.Request) -> web.Response:
        raise web.HTTPFound("/keys")

    async def huge(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * (ANSWER_MAX_BYTES + 1))

    async def broken(_: web.Request) -> web.Response:
        raise web.HTTPServiceUnavailable

    routes = web.Application()
    for name, answer in {"keys": keys, "moved": elsewhere, "huge": huge, "away": broken}.items():
        routes.router.add_get(f"/{name}", answer)
    runner = web.AppRunner(routes)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_the_keys_are_read(issuer: str) -> None:
    assert await fetching(f"{issuer}/keys")() == b'{"keys": []}'


@pytest.mark.parametrize("address", ["moved", "huge", "away", "nothing"])
async def test_anything_else_is_no_answer(issuer: str, address: str) -> None:
    with pytest.raises((OSError, aiohttp.ClientError)):
        await fetching(f"{issuer}/{address}")()
