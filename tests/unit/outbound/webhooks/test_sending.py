"""Receivers that mean harm, or can't speak: one failed attempt, in bounded time and memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.outbound.webhooks.sending import Answer, Failure, Sender
from app.settings import Webhooks

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
OK = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def answering(*parts: bytes, forever: bytes = b"") -> AsyncIterator[str]:
    """A server that reads a little, says that, perhaps goes on for ever, and hangs up."""
    open_: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.append(writer)
        try:
            await reader.read(1)
            for part in parts:
                writer.write(part)
            while forever:
                writer.write(forever)
                await writer.drain()
            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.close()
        for writer in open_:
            writer.transport.abort()
        await server.wait_closed()


async def sent(url: str) -> Answer:
    sender = Sender(
        Webhooks(
            allow_http=True,
            allow_networks="127.0.0.0/8",
            timeout_seconds=2,
            response_max_bytes=4096,
        )
    )
    try:
        return await sender.send(url, "id", b'{"a":1}', [SECRET])
    finally:
        await sender.close()


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"\x00\xff\xfe\r\n\r\n"],
        [b"SSH-2.0-OpenSSH_9.2\r\n"],
        [b"HTTP/1.1 999999 no\r\n\r\n"],
        [b"HTTP/1.1 \r\n\r\n"],
        [OK, b"content-length: -1\r\n\r\n"],
        [OK, b"x: " + b"y" * 100_000 + b"\r\n\r\n"],
    ],
)
async def test_what_is_no_answer_is_a_failed_attempt(parts: list[bytes]) -> None:
    async with answering(*parts) as url:
        answer = await sent(url)
    assert answer.failure is Failure.CONNECTION


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n",
        b"content-length: 99999999999\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n",
        b"content-encoding: gzip\r\n\r\n",
    ],
)
async def test_of_an_endless_answer_a_bounded_part_is_read(head: bytes) -> None:
    async with answering(OK, head, forever=b"400\r\n" + b"x" * 1024 + b"\r\n") as url:
        answer = await sent(url)
    assert (answer.failure, answer.status) == (None, 200)


async def test_endless_headers_are_given_up() -> None:
    async with answering(OK, forever=b"x-header: y\r\n" * 100) as url:
        answer = await sent(url)
    assert answer.failure in (Failure.CONNECTION, Failure.TIMEOUT)


async def test_nobody_there_is_a_connection_failure() -> None:
    async with answering() as url:
        pass
    assert (await sent(url)).failure is Failure.CONNECTION


async def test_a_name_that_leads_nowhere_is_told_as_such() -> None:
    assert (await sent("http://nowhere.invalid/")).failure is Failure.DNS


async def test_https_to_what_speaks_none_is_told_as_such() -> None:
    async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        answer = await sent(url.replace("http:", "https:"))
    assert answer.failure in (Failure.TLS, Failure.CONNECTION)


@pytest.mark.parametrize(
    ("status", "failure"),
    [(200, None), (204, None), (299, None), (302, Failure.STATUS), (400, Failure.STATUS),
     (404, Failure.STATUS), (410, Failure.GONE), (500, Failure.STATUS)],
)  # fmt: skip
async def test_only_2xx_is_delivered(status: int, failure: Failure | None) -> None:
    said = b"HTTP/1.1 %d X\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n" % status
    async with answering(said) as url:
        answer = await sent(url)
    assert (answer.failure, answer.status) == (failure, status)
    assert answer.retry_after == (None if failure is None else "7")
