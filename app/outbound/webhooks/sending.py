"""One attempt: the event to its receiver, and what came of it.

Never raises for what a receiver does. No redirect is followed, no more than a bound is read of the
answer, and nothing of it is kept but its status.
"""

import ssl
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec

from app.outbound.webhooks.addresses import AddressGuard, AddressRefused, GuardedResolver
from app.outbound.webhooks.events import CONTENT_TYPE
from app.outbound.webhooks.signing import sign
from app.settings import Webhooks as WebhookSettings

USER_AGENT: Final = "funnel-webhooks"


class Failure(StrEnum):
    """Why an attempt failed, or why there will be no other."""

    STATUS = "status"
    """The receiver answered with another status than 2xx."""
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TLS = "tls"
    DNS = "dns"
    ADDRESS_REFUSED = "address_refused"
    GONE = "gone"
    """The receiver answered 410: it wants no more."""
    RECORD_GONE = "record_gone"
    """It was to be delivered again, but Kafka has the event no more."""
    ERASED = "erased"
    """The contact was erased meanwhile."""
    EXPIRED = "expired"
    """It waited for too long while the webhook was disabled."""
    SECRET_UNREADABLE = "secret_unreadable"  # noqa: S105 - the name of a failure


class Answer(msgspec.Struct, frozen=True):
    """Delivered where `failure` is None."""

    failure: Failure | None
    status: int | None
    retry_after: str | None
    took_ms: int


class Sender:
    """Connections to receivers, kept alive for a while."""

    def __init__(self, settings: WebhookSettings) -> None:
        """To be made in the running loop; to be closed."""
        guard = AddressGuard(settings.networks)
        self._response_max_bytes = settings.response_max_bytes
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=GuardedResolver(guard),
                socket_factory=guard.make_socket,
                use_dns_cache=False,
                limit=settings.concurrency,
            ),
            timeout=aiohttp.ClientTimeout(
                total=settings.timeout_seconds, sock_connect=settings.connect_timeout_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def send(self, url: str, event_id: str, body: bytes, secrets: Sequence[str]) -> Answer:
        signed = sign(event_id, body, secrets, int(time.time()))
        headers = {"content-type": CONTENT_TYPE, "user-agent": USER_AGENT, **signed}
        started = time.monotonic()
        failure, status, retry_after = await self._post(url, body, headers)
        took_ms = round((time.monotonic() - started) * 1000)
        return Answer(failure, status, retry_after, took_ms)

    async def close(self) -> None:
        await self._session.close()

    async def _post(
        self, url: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[Failure | None, int | None, str | None]:
        try:
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                failure = _judge(answer.status)
                retry_after = answer.headers.get("retry-after") if failure else None
                await _read_on(answer, self._response_max_bytes)
                return failure, answer.status, retry_after
        except (aiohttp.ClientError, OSError, ValueError) as failed:  # TimeoutError is an OSError
            return _meaning(failed), None, None


def _judge(status: int) -> Failure | None:
    if 200 <= status < 300:
        return None
    return Failure.GONE if status == HTTPStatus.GONE else Failure.STATUS


async def _read_on(answer: aiohttp.ClientResponse, max_bytes: int) -> None:
    """So that the connection can be used again; of a longer answer it is closed."""
    try:
        rest = max_bytes
        while rest > 0 and (chunk := await answer.content.read(rest)):
            rest -= len(chunk)
    except (aiohttp.ClientError, OSError):
        pass  # what was told by the status holds
    if not answer.content.at_eof():
        answer.close()


def _meaning(failed: Exception) -> Failure:
    match failed:
        case TimeoutError():
            return Failure.TIMEOUT
        case aiohttp.ClientConnectorError() if isinstance(failed.os_error, AddressRefused):
            return Failure.ADDRESS_REFUSED
        case aiohttp.InvalidURL():  # a number that resolvers take for an address
            return Failure.ADDRESS_REFUSED
        case aiohttp.ClientConnectorDNSError():
            return Failure.DNS
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Failure.TLS
    return Failure.CONNECTION
