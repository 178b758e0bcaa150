"""Who is signed in: a token, sealed in a cookie, and asked about again at every request.

Where a listed reverse proxy has signed the person in, it is the token that the proxy passes on with
every request, and there is no cookie.

The cookie is AES-256-GCM of the token and the session's end, under a key that is set or made when
the process starts. So no token stands in a browser in clear, a token that is withdrawn or expires
ends its session, and any process that has the key can serve it: nothing is kept here.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from secrets import token_bytes
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from app.api.access import Access
from app.api.principal import Principal
from app.api.problems import Problem
from app.settings import is_loopback

COOKIE: Final = "funnel_session"
NONCE_BYTES: Final = 12
COOKIE_MAX_CHARS: Final = 3800
"""Browsers keep 4,096 bytes of a cookie, name and attributes included."""
ABOUT: Final = b"funnel session 1"
OPEN_SESSION: Final = "open"
PROXIED: Final = "proxied"

Connection = ASGIConnection[Any, Any, Any, Any]


class Sealed(msgspec.Struct, array_like=True, frozen=True):
    token: str
    ends_at: int
    """Seconds since 1970."""


class Session(msgspec.Struct, frozen=True):
    """Of the request that is being answered."""

    principal: Principal
    proof: str
    """What a form must bring back: no other site can know it."""
    is_open: bool = False
    """Nobody signed in: access is open to everybody on this machine."""
    is_proxied: bool = False
    """A reverse proxy has signed the person in, and out again."""


class SignedOut(Exception):
    """There is no session, or it has ended: sign in first."""


class Sessions:
    def __init__(
        self,
        access: Access,
        key: str,
        clock: Callable[[], float],
        *,
        max_age_seconds: float,
        proxies: Sequence[str] = (),
    ) -> None:
        """`key`: any text; empty: one is made, and sessions end with the process. `proxies`:
        networks from which requests come with the person's own token."""
        self.is_open = access.is_open
        self._access = access
        self._proxies = [ip_network(each) for each in proxies]
        self._clock = clock
        self._max_age_seconds = int(max_age_seconds)
        secret = hashlib.sha256(key.encode()).digest() if key else token_bytes(32)
        self._cipher = AESGCM(hmac.digest(secret, b"cookies", "sha256"))
        self._proofs = hmac.digest(secret, b"forms", "sha256")

    async def begin(self, token: str) -> str:
        """The cookie's value, of a token that is accepted. Problem 401, 413, 503."""
        await self._access.with_token(token)
        ends_at = int(self._clock()) + self._max_age_seconds
        plain = msgspec.msgpack.encode(Sealed(token, ends_at))
        nonce = token_bytes(NONCE_BYTES)
        sealed = urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, ABOUT)).decode()
        if len(sealed) > COOKIE_MAX_CHARS:
            raise Problem(
                413, "token-too-long", "the token is too long for a cookie: ask for a shorter one"
            )
        return sealed

    async def of(self, connection: Connection) -> Session:
        """Raises SignedOut; Problem 401: a proxy passed a token that is not accepted; 403: access
        is open, but not to that host; 503."""
        passed = connection.headers.get("authorization")
        if passed is not None and self._is_proxy(connection):
            principal = await self._access.with_header(passed)
            whose = f"{PROXIED} {principal.tenant} {principal.actor}"
            return Session(principal, self._proof(whose), is_proxied=True)
        value = connection.cookies.get(COOKIE)
        if value is None:
            if self.is_open:
                principal = self._access.without_token(connection.url.hostname)
                return Session(principal, self._proof(OPEN_SESSION), is_open=True)
            raise SignedOut
        try:
            principal = await self._access.with_token(self._token(value))
        except Problem as refused:
            if refused.details.status == 401:
                raise SignedOut from None
            raise
        return Session(principal, self._proof(value))

    def _is_proxy(self, connection: Connection) -> bool:
        """Of the other end itself, whatever headers say."""
        if connection.client is None or not self._proxies:
            return False
        address: IPv4Address | IPv6Address = ip_address(connection.client.host)
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._proxies)

    def cookie(self, value: str, host: str | None) -> Cookie:
        """Sent over HTTPS only, but to this machine itself."""
        return Cookie(
            COOKIE,
            value=value,
            path="/",
            httponly=True,
            samesite="lax",
            secure=host is None or not is_loopback(host),
            max_age=self._max_age_seconds,
        )

    def _token(self, value: str) -> str:
        """Raises SignedOut."""
        try:
            sealed = urlsafe_b64decode(value)
            nonce, encrypted = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
            plain = self._cipher.decrypt(nonce, encrypted, ABOUT)
            found = msgspec.msgpack.decode(plain, type=Sealed)
        except (ValueError, InvalidTag, msgspec.DecodeError):
            raise SignedOut from None
        if found.ends_at < self._clock():
            raise SignedOut
        return found.token

    def _proof(self, session: str) -> str:
        return hmac.new(self._proofs, session.encode(), "sha256").hexdigest()

    def is_proof(self, session: Session, given: str) -> bool:
        return hmac.compare_digest(session.proof.encode(), given.encode())
