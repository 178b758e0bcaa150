"""Who may ask what: denied unless a route is public, or a token has the route's scope.

A token is a JWT where it looks like one and JWTs are set up, else a static one; both become the
same Principal. The tenant comes from the token, never from the request.
"""

from typing import Any, Final, Protocol

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from app.api.principal import EVERY_SCOPE, NEEDS, PUBLIC, Principal, Scope
from app.api.problems import Problem
from app.api.tokens import Tokens, find
from app.domain.routing import DEFAULT_TENANT
from app.settings import is_loopback

TOKEN_MAX_CHARS: Final = 8192
OPEN: Final = Principal(DEFAULT_TENANT, EVERY_SCOPE, "open")
"""Everybody, where access is open."""


class JwtVerifier(Protocol):
    async def principal(self, token: str) -> Principal:
        """Problem: it is not good, or the issuer's keys can't be read now."""
        ...


class Access:
    """The guard of all routes."""

    def __init__(self, tokens: Tokens, jwts: JwtVerifier | None, *, is_open: bool) -> None:
        self.is_open = is_open
        self._tokens = tokens
        self._jwts = jwts

    async def guard(
        self, connection: ASGIConnection[Any, Any, Any, Any], route: BaseRouteHandler
    ) -> None:
        """Problem 401 or 403, before anything of the request's body is read."""
        if route.opt.get(PUBLIC) is True:
            return
        principal = await self._principal(connection)
        scope = route.opt.get(NEEDS)
        if not isinstance(scope, Scope):
            raise forbidden("nobody may do this: the route names no scope")
        allow(principal, scope)
        connection.state.principal = principal

    async def _principal(self, connection: ASGIConnection[Any, Any, Any, Any]) -> Principal:
        header = connection.headers.get("authorization")
        if header is None:
            if self.is_open:
                return self.without_token(connection.url.hostname)
            raise _unauthorized("missing-token", "send Authorization: Bearer <token>")
        return await self.with_header(header)

    def without_token(self, host: str | None) -> Principal:
        """Where access is open, to whoever asks by a loopback address. Problem 403."""
        assert self.is_open, "asked before"
        _refuse_strange_host(host)
        return OPEN

    async def with_header(self, authorization: str) -> Principal:
        """As `with_token`."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > TOKEN_MAX_CHARS:
            raise _unauthorized("wrong-token", "Authorization must be: Bearer <token>")
        return await self.with_token(token)

    async def with_token(self, token: str) -> Principal:
        """Problem 401: it is not accepted; 503: the issuer's keys can't be read now."""
        found = find(self._tokens, token)
        if found is not None:
            return found
        if self._jwts is not None and token.count(".") == 2:
            return await self._jwts.principal(token)
        raise invalid_token("it is not one of the tokens this service knows")


def _refuse_strange_host(host: str | None) -> None:
    """A page from elsewhere can give its own name this machine's address: that name comes along."""
    if host is None or not is_loopback(host):
        raise forbidden("access is open to this machine only: ask by a loopback address")


def allow(principal: Principal, scope: Scope) -> None:
    """Problem 403."""
    if scope not in principal.scopes:
        raise forbidden(f"the token lacks the scope {scope}: ask for one that has it", scope)


def forbidden(detail: str, scope: Scope | None = None) -> Problem:
    challenge = 'Bearer error="insufficient_scope"' + (f', scope="{scope}"' if scope else "")
    return Problem(403, "missing-scope", detail, headers={"www-authenticate": challenge})


def invalid_token(detail: str) -> Problem:
    challenge = 'Bearer error="invalid_token"'
    problem = _unauthorized("wrong-token", f"the token is not accepted: {detail}")
    problem.headers["www-authenticate"] = challenge
    return problem


def _unauthorized(kind: str, detail: str) -> Problem:
    return Problem(401, kind, detail, headers={"www-authenticate": "Bearer"})
