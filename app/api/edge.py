"""Around the application, for every request: raw paths, security headers, a bound on its time. A
Host that is none is refused, for the framework takes it for a part of an address.
"""

import asyncio
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import MEDIA_TYPE, Problem

SECURITY_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Edge:
    """An ASGI application around another."""

    def __init__(self, inner: ASGIApp, *, request_timeout_seconds: float) -> None:
        self._inner = inner
        self._timeout_seconds = request_timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request that takes too long, its body's arrival included, is answered with 504. A
        streamed answer may go on as long as each part of it comes, and is taken, in that time; a
        live stream is done when it begins."""
        if scope["type"] != ScopeType.HTTP:
            await self._inner(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._timeout_seconds) as bound:
                answer = _Answer(send, bound, self._timeout_seconds)
                if all(_is_host(value) for name, value in scope["headers"] if name == b"host"):
                    await self._inner(_routed_as_sent(scope), receive, answer.send)
                else:
                    await answer.problem(_wrong_host())
        except TimeoutError:
            if not bound.expired() or answer.has_begun:
                raise
            await answer.problem(_too_slow(self._timeout_seconds))


class _Answer:
    def __init__(self, send: Send, bound: asyncio.Timeout, part_seconds: float) -> None:
        """`bound` begins anew with each part of a streamed answer."""
        self._send = send
        self._bound = bound
        self._part_seconds: float | None = part_seconds
        self.has_begun = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            given = list(message.get("headers", ()))
            if any(name.lower() == b"content-type" and _is_stream(text) for name, text in given):
                self._part_seconds = None
                self._bound.reschedule(None)
            there = {name.lower() for name, _ in given}
            missing = [each for each in SECURITY_HEADERS if each[0] not in there]
            message = {**message, "headers": [*given, *missing]}
        elif message.get("more_body") and self._part_seconds is not None:
            self._bound.reschedule(asyncio.get_running_loop().time() + self._part_seconds)
        await self._send(message)

    async def problem(self, problem: Problem) -> None:
        body = msgspec.json.encode(problem.details)
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
        status = problem.details.status
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


def _is_stream(media_type: bytes) -> bool:
    return media_type.startswith(b"text/event-stream")


def _is_host(value: bytes) -> bool:
    """RFC 9110, 7.2: a name or an address, and perhaps a port."""
    try:
        found = urlsplit(f"//{value.decode('latin-1')}")
        return found.port is None or found.hostname is not None
    except ValueError:
        return False


def _wrong_host() -> Problem:
    return Problem(400, "wrong-host", "Host must be a name or an address, and perhaps a port")


def _routed_as_sent(scope: Scope) -> Any:
    """Routing sees the path undecoded, so that a %2F in a contact's key does not end it; a route
    decodes the parts that people chose."""
    raw = scope.get("raw_path")
    return {**scope, "path": raw.decode("latin-1")} if raw else scope


def _too_slow(seconds: float) -> Problem:
    return Problem(504, "too-slow", f"not done within {seconds:g} s: ask for less, or try again")
