"""Who asks: a tenant, what it may do, and by whose name it does it."""

from enum import StrEnum
from typing import Any, Final

import msgspec
from litestar import Request


class Scope(StrEnum):
    """What a principal may do; one does not include another."""

    INTERACTIONS_WRITE = "interactions:write"
    CONTACTS_READ = "contacts:read"
    CONTACTS_COMMAND = "contacts:command"
    CONTACTS_ERASE = "contacts:erase"
    MODELS_WRITE = "models:write"
    OPS_READ = "ops:read"
    """Operations are of the whole service, of all tenants."""
    OPS_WRITE = "ops:write"
    WEBHOOKS_WRITE = "webhooks:write"


EVERY_SCOPE: Final = frozenset(Scope)
PUBLIC: Final = "is_public"
NEEDS: Final = "needs"


class Principal(msgspec.Struct, frozen=True):
    tenant: str
    scopes: frozenset[Scope]
    actor: str
    """Stands in the history as who did it: the token's name, or the JWT's subject."""


def principal_of(request: Request[Any, Any, Any]) -> Principal:
    """Who was let in. The guard has put it there."""
    principal = request.state.principal
    assert isinstance(principal, Principal)
    return principal
