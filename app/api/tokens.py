"""Static tokens: long random secrets of which only the SHA-256 is stored."""

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from app.api.principal import Principal, Scope
from app.errors import SettingsError

WHERE: Final = "FUNNEL_API__TOKENS"

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_Tenant = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]

Tokens = Mapping[str, Principal]
"""By the token's SHA-256 in hex. Looking one up tells its time, but of a hash nobody can choose."""


class StoredToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: _Name
    """Stands in the history as the actor."""
    sha256: _Digest
    scopes: list[Scope]
    tenant: _Tenant = "default"


def read_tokens(text: str) -> Tokens:
    """From YAML or JSON. SettingsError says what is wrong and where, without any hash."""
    if not text.strip():
        return {}
    try:
        stored = msgspec.yaml.decode(text, type=list[StoredToken])
    except msgspec.DecodeError as wrong:
        raise SettingsError(
            f"{WHERE}: {_told(wrong)}: write a list, each with name, sha256 (of the token, 64 hex"
            f" digits), tenant and scopes, of {', '.join(Scope)}"
        ) from None
    names = [each.name for each in stored]
    if len(set(names)) < len(names) or len({each.sha256 for each in stored}) < len(names):
        raise SettingsError(f"{WHERE}: a name or a sha256 is there twice: give each token its own")
    return {
        each.sha256: Principal(each.tenant, frozenset(each.scopes), each.name) for each in stored
    }


def find(tokens: Tokens, token: str) -> Principal | None:
    return tokens.get(hashlib.sha256(token.encode()).hexdigest())


def _told(wrong: msgspec.DecodeError) -> str:
    """Without what it quotes: only where."""
    place = re.search(r"`(\$[^`]*)`", str(wrong))
    return f"is not valid at {place[1]}" if place else "can't be read"
