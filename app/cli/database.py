"""Reading the state of record, for commands."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from app.domain.topics import CONTACT_LANE
from app.errors import FunnelError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from app.settings import Settings


@asynccontextmanager
async def database(settings: "Settings") -> AsyncIterator["AsyncEngine"]:
    """An engine on a database that is at this release's revision. Unavailable, RevisionError."""
    from app.storage.engine import driver_of, engine, reaching
    from app.storage.revision import check_revision

    made = engine(settings.database, application_name="funnel-cli")
    try:
        with reaching("connecting"):
            async with made.connect() as connection:
                await check_revision(await driver_of(connection))
        yield made
    finally:
        await made.dispose()


async def home_of(
    engine: "AsyncEngine", tenant: str, contact_id: str, *, lane: str = CONTACT_LANE
) -> int:
    """The lane partition a contact (or, in the account lane, an account) lives on, as the lane
    counts them."""
    from app.domain.routing import home_partition, routing_key
    from app.storage import queries

    found = await queries.lane(engine, lane)
    if found is None:
        raise FunnelError("no worker has run on this database yet: start one with `funnel worker`")
    return home_partition(routing_key(tenant, contact_id), found.partitions)


@asynccontextmanager
async def stage_counts(
    settings: "Settings",
) -> AsyncIterator[Callable[[], Awaitable[dict[str, int]]]]:
    """A question that can be asked again and again."""
    from app.storage import queries

    async with database(settings) as engine:
        yield lambda: queries.stage_counts(engine)
