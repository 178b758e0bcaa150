"""JWTs of one issuer: signature, issuer, audience and expiry, then tenant and scopes.

Claims: `sub` is the actor, `scope` the scopes (a text with spaces, or a list; those of others are
passed over), and a claim that the settings name is the tenant.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

import jwt

from app.api.access import invalid_token
from app.api.principal import Principal, Scope

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "EdDSA",
)
"""Asymmetric ones only: a public key must never be taken for a shared secret."""
LEEWAY_SECONDS: Final = 30
ACTOR_MAX_CHARS: Final = 256
_is_tenant = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}").fullmatch


class Keys(Protocol):
    async def key(self, kid: str | None) -> jwt.PyJWK | None:
        """The issuer's key of that id. Problem 503: they can't be read now."""
        ...


class Expected(NamedTuple):
    issuer: str
    audience: str
    tenant_claim: str


class JsonWebTokens:
    def __init__(self, keys: Keys, expected: Expected) -> None:
        self._keys = keys
        self._expected = expected

    async def principal(self, token: str) -> Principal:
        """Problem 401: the token is not good; 503: the issuer's keys can't be read now."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise invalid_token("it is no JWT") from None
        if header.get("alg") not in ALGORITHMS:
            raise invalid_token(f"it must be signed with one of {', '.join(ALGORITHMS)}")
        kid = header.get("kid")
        key = await self._keys.key(kid if isinstance(kid, str) else None)
        if key is None:
            raise invalid_token("its issuer has no such key")
        return self._of_claims(self._verified(token, key))

    def _verified(self, token: str, key: jwt.PyJWK) -> Mapping[str, Any]:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self._expected.issuer,
                audience=self._expected.audience,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.InvalidTokenError as wrong:
            raise invalid_token(_WRONG.get(type(wrong), "it is not valid")) from None

    def _of_claims(self, claims: Mapping[str, Any]) -> Principal:
        tenant, actor = claims.get(self._expected.tenant_claim), claims["sub"]
        if not isinstance(tenant, str) or _is_tenant(tenant) is None:
            raise invalid_token(f"its claim {self._expected.tenant_claim} names no tenant")
        if not 0 < len(actor) <= ACTOR_MAX_CHARS:
            raise invalid_token("its claim sub is empty or too long")
        given = claims.get("scope", ())
        names = given.split() if isinstance(given, str) else given
        known = {scope.value: scope for scope in Scope}
        held = [known[name] for name in names if isinstance(name, str) and name in known]
        return Principal(tenant, frozenset(held), actor)


_WRONG: Final[Mapping[type[Exception], str]] = {
    jwt.ExpiredSignatureError: "it has expired",
    jwt.ImmatureSignatureError: "it is not valid yet",
    jwt.InvalidSignatureError: "its signature is wrong",
    jwt.InvalidIssuerError: "it is of another issuer",
    jwt.InvalidAudienceError: "it is for another audience",
    jwt.MissingRequiredClaimError: "it must have exp, iss, aud and sub",
}
