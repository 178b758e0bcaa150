"""The interaction types of tenants whose model was activated, so that a check knows them too.

Read again every few seconds. While PostgreSQL is away what was read last holds: what is published
needs Kafka only, once a tenant was looked up.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from app.domain.rules import Rules
from app.errors import Unavailable
from app.handling.known_types import Known, KnownTypes

MAX_AGE_SECONDS: Final = 10.0


class DecidingModels(Protocol):
    async def __call__(self, tenant: str) -> Sequence[Rules]:
        """All that decide, or will, for a tenant; the one in force last. Raises Unavailable."""
        ...


class TenantTypes:
    def __init__(self, models: DecidingModels, clock: Callable[[], float]) -> None:
        self._models = models
        self._clock = clock
        self._known = KnownTypes()
        self._read_at: dict[str, float] = {}

    @property
    def by_tenant(self) -> Mapping[str, Known]:
        """For the decoder, which looks at it for every record."""
        return self._known.by_tenant

    async def look_up(self, tenant: str) -> None:
        """Before a tenant's interactions are checked. Raises Unavailable where nothing is known."""
        read_at = self._read_at.get(tenant)
        if read_at is not None and self._clock() - read_at < MAX_AGE_SECONDS:
            return
        try:
            models = await self._models(tenant)
        except Unavailable:
            if read_at is None:
                raise
        else:
            self._known.learn(tenant, 0, models)
        self._read_at[tenant] = self._clock()
