"""The interaction types of each tenant as its activated models have them, for checks."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from app.cli import printing
from app.errors import RevisionError, Unavailable

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from app.handling.known_types import Known
    from app.settings import Settings


class TenantTypes:
    """Learns a tenant's when it is first asked about. Without a database it knows none, and what
    the settings' model says counts for everybody."""

    def __init__(self, settings: "Settings", engine: "AsyncEngine | None") -> None:
        from app.handling.known_types import KnownTypes

        self._settings = settings
        self._engine = engine
        self._known = KnownTypes()

    @property
    def by_tenant(self) -> "Mapping[str, Known]":
        return self._known.by_tenant

    async def look_up(self, tenant: str) -> None:
        """Raises Unavailable, ModelError."""
        from app.runtime.ruling import deciding_models

        if self._engine is None or tenant in self._known.by_tenant:
            return
        deciding = await deciding_models(self._engine, self._settings, tenant)
        self._known.learn(tenant, 0, deciding)


@asynccontextmanager
async def tenant_types(settings: "Settings") -> AsyncIterator[TenantTypes]:
    """Where PostgreSQL is away this says so and goes on: to publish, Kafka is enough."""
    from app.cli.database import database

    async with AsyncExitStack() as standing:
        try:
            engine = await standing.enter_async_context(database(settings))
        except (Unavailable, RevisionError):
            printing.note(
                f"checked with {settings.model} only: the database, which knows what was activated,"
                " can't be asked"
            )
            yield TenantTypes(settings, None)
        else:
            yield TenantTypes(settings, engine)
