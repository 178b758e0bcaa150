"""An issuer of JWTs with a key of its own."""

import json
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)

ISSUER, AUDIENCE = "https://id.example", "funnel"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "u-17",
    "exp": 4_102_444_800,
    "tenant": "acme",
    "scope": "contacts:read openid contacts:command",
}


@cache
def key(kid: str) -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


def signed(kid: str = "k1", alg: str = "ES256", **different: Any) -> str:
    """A claim that is None is left out."""
    claims = {name: value for name, value in {**CLAIMS, **different}.items() if value is not None}
    return jwt.encode(claims, key(kid), algorithm=alg, headers={"kid": kid})


def jwks(*kids: str) -> bytes:
    """Their public parts."""
    made = []
    for kid in kids:
        public = jwt.algorithms.ECAlgorithm.to_jwk(key(kid).public_key(), as_dict=True)
        made.append({**public, "kid": kid, "use": "sig", "alg": "ES256"})
    return json.dumps({"keys": made}).encode()
