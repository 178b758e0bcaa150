import json
from typing import Any

import jwt
import pytest

from app.api.json_web_tokens import Expected, JsonWebTokens
from app.api.principal import Principal, Scope
from app.api.problems import Problem
from tests.unit.api import signing
from tests.unit.api.signing import AUDIENCE, CLAIMS, ISSUER, signed


class Keys:
    """Of an issuer with one key."""

    async def key(self, kid: str | None) -> jwt.PyJWK | None:
        known = json.loads(signing.jwks("k1"))["keys"][0]
        return jwt.PyJWK(known) if kid == "k1" else None


JWTS = JsonWebTokens(Keys(), Expected(ISSUER, AUDIENCE, "tenant"))


async def refusal(token: str) -> str:
    with pytest.raises(Problem) as refused:
        await JWTS.principal(token)
    assert refused.value.details.status == 401
    assert refused.value.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    return refused.value.details.detail


async def test_claims_become_a_principal_and_scopes_of_others_are_passed_over() -> None:
    assert await JWTS.principal(signed()) == Principal(
        "acme", frozenset({Scope.CONTACTS_READ, Scope.CONTACTS_COMMAND}), "u-17"
    )


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        (["ops:read", 7], {Scope.OPS_READ}),
        ("", set()),
        (None, set()),
        ({"ops:read": True}, {Scope.OPS_READ}),
    ],
)
async def test_scopes_may_be_a_text_or_a_list(scope: Any, held: set[Scope]) -> None:
    assert (await JWTS.principal(signed(scope=scope))).scopes == held


@pytest.mark.parametrize(
    ("different", "says"),
    [
        ({"exp": 1_000_000_000}, "it has expired"),
        ({"nbf": 4_000_000_000}, "it is not valid yet"),
        ({"iss": "https://other.example"}, "it is of another issuer"),
        ({"aud": "shop"}, "it is for another audience"),
        ({"exp": None}, "it must have exp"),
        ({"aud": None}, "it must have exp"),
        ({"sub": None}, "it must have exp"),
        ({"sub": ""}, "its claim sub is empty"),
        ({"sub": "x" * 257}, "its claim sub is empty or too long"),
        ({"tenant": None}, "its claim tenant names no tenant"),
        ({"tenant": "a/b"}, "its claim tenant names no tenant"),
        ({"tenant": ["acme"]}, "its claim tenant names no tenant"),
        ({"kid": "k2"}, "its issuer has no such key"),
    ],
)
async def test_a_token_that_is_not_good_says_why(different: dict[str, Any], says: str) -> None:
    assert says in await refusal(signed(**different))


async def test_a_token_signed_with_another_key_of_the_same_id_is_refused() -> None:
    forged = jwt.encode(CLAIMS, signing.key("other"), algorithm="ES256", headers={"kid": "k1"})
    assert "its signature is wrong" in await refusal(forged)


@pytest.mark.parametrize("alg", ["none", "HS256"])
async def test_a_token_without_an_asymmetric_signature_is_refused(alg: str) -> None:
    """A public key must never be taken for a shared secret."""
    secret: Any = "x" * 32 if alg == "HS256" else None
    forged = jwt.encode(CLAIMS, secret, alg, headers={"kid": "k1"})
    assert "it must be signed with one of" in await refusal(forged)


@pytest.mark.parametrize("text", ["a.b.c", "..", "x"])
async def test_what_is_no_jwt_is_refused(text: str) -> None:
    assert "it is no JWT" in await refusal(text)
