"""The keys of an issuer, read from its JWKS address and kept for a while.

A key id that is not known makes them read again, for issuers rotate keys; not more often than
every few seconds, for anybody can make up a key id. While the issuer is away the keys last read
stay good for as long again as they are kept.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import jwt
import structlog

from app.api.problems import RETRY_AFTER_SECONDS, Problem

AGAIN_AFTER_SECONDS: Final = 10.0
ANSWER_MAX_BYTES: Final = 256 * 1024
TIMEOUT_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


class IssuerKeys:
    def __init__(
        self,
        fetch: Callable[[], Awaitable[bytes]],
        *,
        max_age_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        """`fetch` raises OSError, TimeoutError or aiohttp.ClientError where it can't."""
        self._fetch = fetch
        self._max_age_seconds = max_age_seconds
        self._clock = clock
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._reading = asyncio.Lock()

    async def key(self, kid: str | None) -> jwt.PyJWK | None:
        """As in `json_web_tokens.Keys`."""
        if not self._is_fresh() or kid not in self._keys:
            async with self._reading:
                if not self._is_fresh() or kid not in self._keys:
                    await self._read()
        if self._age() > 2 * self._max_age_seconds:
            raise Problem(
                503,
                "no-issuer-keys",
                "the keys of the token's issuer can't be read now: try again in a few seconds",
                headers={"retry-after": str(RETRY_AFTER_SECONDS)},
            )
        return self._keys.get(kid)

    def _age(self) -> float:
        return float("inf") if self._read_at is None else self._clock() - self._read_at

    def _is_fresh(self) -> bool:
        return self._age() <= self._max_age_seconds

    async def _read(self) -> None:
        now = self._clock()
        if self._tried_at is not None and now - self._tried_at < AGAIN_AFTER_SECONDS:
            return
        self._tried_at = now
        try:
            keys = jwt.PyJWKSet.from_json((await self._fetch()).decode()).keys
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, jwt.PyJWTError) as failed:
            log.warning("the JWT issuer's keys can't be read", error=type(failed).__name__)
            return
        self._keys = {key.key_id: key for key in keys}
        self._read_at = self._clock()


def fetching(url: str) -> Callable[[], Awaitable[bytes]]:
    """Reads the address; redirects are not followed."""

    async def fetch() -> bytes:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            answer.raise_for_status()
            if answer.status != 200:
                raise OSError(f"it answered {answer.status}")
            body = bytearray()
            async for chunk in answer.content.iter_chunked(64 * 1024):
                body += chunk
                if len(body) > ANSWER_MAX_BYTES:
                    raise OSError("it answered too much")
            return bytes(body)

    return fetch
