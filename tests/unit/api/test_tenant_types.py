"""What a tenant may publish follows the models that were activated for it."""

from collections.abc import Sequence

import pytest

from app.api.problems import FieldError
from app.api.tenant_types import MAX_AGE_SECONDS, TenantTypes
from app.bootstrap_api import make_checker
from app.domain.interaction import Interaction
from app.domain.rules import Rules
from app.domain.topics import Topic
from app.errors import Unavailable
from app.models import load_definition, rules_of
from tests.unit.api.asking import settings

DEFAULT = load_definition("b2b-default@1")
EVENT = (
    b'{"specversion":"1.0","id":"1","source":"/x","type":"booth.visited","subject":"c",'
    b'"tenantid":"acme","data":{}}'
)


def with_booths() -> Rules:
    """A model with an interaction type of its own."""
    definition, lines = DEFAULT
    visited = definition["interactions"]["website.visited"]
    types = {**definition["interactions"], "booth.visited": {**visited, "requires": []}}
    return rules_of({**definition, "interactions": types}, lines, "b2b-default@1.yaml")


class Activated:
    """PostgreSQL, as far as it tells models; and the clock."""

    def __init__(self) -> None:
        self.models: list[Rules] | None = [rules_of(*DEFAULT, "b2b-default@1.yaml")]
        self.now = 0.0
        self.asked = 0
        self.types = TenantTypes(self, lambda: self.now)
        self.checker = make_checker(settings(), self.types)

    async def __call__(self, tenant: str) -> Sequence[Rules]:
        self.asked += 1
        if self.models is None:
            raise Unavailable("away")
        return self.models

    async def checked(self) -> Interaction | FieldError:
        await self.checker.prepare("acme")
        return self.checker.interaction(EVENT, Topic.INTERACTIONS)


async def test_an_activated_models_own_types_are_taken_within_seconds() -> None:
    told = Activated()
    assert isinstance(await told.checked(), FieldError)
    told.models = [with_booths()]
    told.now += MAX_AGE_SECONDS
    assert isinstance(await told.checked(), Interaction)


async def test_models_are_not_asked_for_with_every_interaction() -> None:
    told = Activated()
    for _ in range(5):
        await told.checked()
    assert told.asked == 1


async def test_what_is_known_of_a_tenant_holds_while_postgresql_is_away() -> None:
    told = Activated()
    told.models = [with_booths()]
    await told.checked()
    told.models = None
    told.now += 10 * MAX_AGE_SECONDS
    assert isinstance(await told.checked(), Interaction)


async def test_nothing_is_refused_for_a_tenant_of_which_nothing_is_known() -> None:
    """It might be a type of its own."""
    told = Activated()
    told.models = None
    with pytest.raises(Unavailable):
        await told.checked()
