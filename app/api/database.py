"""The state of record, as the HTTP interface reads it."""

from collections.abc import Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.problems import Problem
from app.domain.routing import home_partition, routing_key
from app.domain.topics import CONTACT_LANE
from app.storage import queries
from app.storage.engine import driver_of, reaching
from app.storage.revision import check_revision

HOMES_MAX_AGE_SECONDS: Final = 10.0
KEY_MAX_CHARS: Final = 256


class Database:
    """One engine, and where contacts and accounts live. Every question raises Unavailable."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], float]) -> None:
        self.engine = engine
        self._clock = clock
        self._homes: dict[str, tuple[int, float]] = {}
        """Of each lane: N, and when that was read."""

    async def check(self) -> None:
        """RevisionError unless it is at this release's revision."""
        with reaching("connecting"):
            async with self.engine.connect() as connection:
                await check_revision(await driver_of(connection))

    async def home_of(self, tenant: str, key: str, lane: str = CONTACT_LANE) -> int:
        """The lane partition, as the lane counts them. Problem 503: no worker has run yet."""
        return home_partition(routing_key(tenant, key), await self.partitions(lane))

    async def partitions(self, lane: str = CONTACT_LANE) -> int:
        """N, as the lane counts homes. Problem 503."""
        known = self._homes.get(lane)
        if known is not None and self._clock() - known[1] < HOMES_MAX_AGE_SECONDS:
            return known[0]
        found = await queries.lane(self.engine, lane)
        if found is None:
            raise Problem(503, "no-worker-yet", "no worker has run on this database yet: start one")
        self._homes[lane] = found.partitions, self._clock()
        return found.partitions

    async def close(self) -> None:
        await self.engine.dispose()
