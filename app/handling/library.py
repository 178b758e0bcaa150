"""The activated models, read from PostgreSQL and compiled once in a process, by content hash."""

from collections.abc import Collection

import asyncpg

from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.errors import Halted, ModelError
from app.failpoints import Failpoint, hit
from app.handling.known_types import KnownTypes
from app.handling.rulings import Rulings
from app.models.stored import rules_of_stored
from app.storage.models import StoredModel, models_of, read_model, read_timelines


class Library:
    def __init__(self, default: Rules, known: KnownTypes) -> None:
        """`default`: the model of those for whom none was activated."""
        self.default = default
        self._known = known
        self._compiled: dict[str, Rules] = {}

    async def rules(self, connection: asyncpg.Connection, content_hash: str) -> Rules | None:
        """None: there is no such model. Raises Unavailable, Halted."""
        found = self._compiled.get(content_hash)
        if found is None:
            hit(Failpoint.LOAD_BEFORE_MODELS)
            stored = await read_model(connection, content_hash)
            if stored is None:
                return None
            found = self._compiled[content_hash] = _compiled(stored)
        return found

    async def rules_by_tenant(
        self, connection: asyncpg.Connection, tenants: Collection[str], at: Microseconds
    ) -> dict[str, Rules]:
        """What decides about tenants at a moment, whatever the partition. Raises Unavailable,
        Halted."""
        hit(Failpoint.LOAD_BEFORE_MODELS)
        found = dict.fromkeys(tenants, self.default)
        for tenant, content_hash in (await models_of(connection, sorted(tenants), at)).items():
            found[tenant] = await self.rules(connection, content_hash) or self.default
        return found

    async def rulings(
        self, connection: asyncpg.Connection, partition: int, as_of: Microseconds
    ) -> Rulings:
        """Of a partition that was taken over. Raises Unavailable, Halted."""
        hit(Failpoint.LOAD_BEFORE_MODELS)
        activated = []
        for row in await read_timelines(connection, partition):
            rules = await self.rules(connection, row.content_hash)
            if rules is None:
                raise Halted(
                    f"partition {partition}: tenant {row.tenant} is decided by a model that is not"
                    " in the table model any more: restore it from a backup"
                )
            activated.append((row, rules))
        return Rulings(partition, self.default, self._known, activated, as_of)


def _compiled(stored: StoredModel) -> Rules:
    try:
        return rules_of_stored(stored.definition)
    except ModelError as refused:
        raise Halted(
            f"model {stored.ref} was activated, and this release can't read it: {refused}. Let the"
            " release run that it was activated with"
        ) from refused
