"""`funnel contact republish`: fill funnel.contacts.v1 again from what PostgreSQL has."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.cli import printing
from app.errors import FunnelError

if TYPE_CHECKING:
    from app.cli.sending import Sender
    from app.settings import Settings

Key = Annotated[str | None, typer.Argument(metavar="KEY", help="The contact's key; or say --all.")]
Tenant = Annotated[
    str | None, typer.Option(help="Whose contact. With --all: only this one's. Default: default.")
]
All = Annotated[bool, typer.Option("--all", help="Every contact there is.")]
Actor = Annotated[str, typer.Option(help="Who asks; it is published.")]

PAGE: Final = 2_000
SOURCE: Final = "/funnel/cli"


def republish(
    key: Key = None,
    tenant: Tenant = None,
    every: All = False,
    actor: Actor = "operator",
    as_json: printing.Json = False,
) -> None:
    """Publish a contact's state once more, as it is now; or that of every contact.

    For the compacted topic that was lost or made again. Each contact's lane does it, so nothing
    overtakes anything; asking again does no harm. Erased contacts are gone from PostgreSQL: if
    the topic still stands, their tombstones still do, too.

    Examples:

      funnel contact republish crm-1

      funnel contact republish --all
    """
    from app.cli import settings

    if every == (key is not None):
        raise typer.BadParameter("say a KEY, or --all")
    found = settings.load()
    if key is not None:
        asyncio.run(_one(found, key, tenant or "default", actor))
        asked = 1
    else:
        with printing.counting("contacts") as progress:
            asked = asyncio.run(_all(found, tenant, actor, progress))
    if as_json:
        printing.json({"asked": asked})
    else:
        printing.line(f"asked for {asked:,}: on the topic as fast as the workers get there")


async def _one(settings: "Settings", key: str, tenant: str, actor: str) -> None:
    from app.cli.database import database, home_of
    from app.cli.sending import sender
    from app.storage import queries

    async with database(settings) as engine:
        home = await home_of(engine, tenant, key)
        if await queries.contact(engine, home, tenant, key) is None:
            raise FunnelError(f"there is no contact {key} of {tenant}: nothing can be published")
    async with sender(settings.kafka) as to:
        await to_send(to, tenant, key, actor)
        await to.confirm()


async def _all(settings: "Settings", tenant: str | None, actor: str, progress: Any) -> int:
    """Page by page: nothing is held in between."""
    from app.cli.database import database
    from app.cli.sending import sender
    from app.domain.topics import CONTACT_LANE
    from app.storage import queries
    from app.storage.connect import connect
    from app.storage.contact_keys import keys_after

    async with database(settings) as engine:
        partitions = [row.partition for row in await queries.partitions(engine, CONTACT_LANE)]
    connection = await connect(settings.database, application_name="funnel-republish")
    asked = 0
    try:
        async with sender(settings.kafka) as to:
            for partition in partitions:
                after = ("", "")
                while page := await keys_after(connection, partition, after, tenant, PAGE):
                    for place in page:
                        await to_send(to, *place, actor)
                    await to.confirm()
                    asked += len(page)
                    progress(asked)
                    after = page[-1]
    finally:
        await connection.close()
    return asked


async def to_send(
    to: "Sender", tenant: str, key: str, actor: str, *, topic: str | None = None
) -> None:
    """One command to the contact's lane."""
    from uuid import uuid4

    from app.bootstrap import now
    from app.domain.rewriting import SNAPSHOT_REQUESTED
    from app.domain.timestamps import format_rfc3339
    from app.domain.topics import Topic

    event = {
        "specversion": "1.0",
        "id": f"republish-{uuid4()}",
        "source": SOURCE,
        "type": SNAPSHOT_REQUESTED,
        "subject": key,
        "time": format_rfc3339(now()),
        "tenantid": tenant,
        "data": {"actor": actor},
    }
    await to.send_event(event, topic=topic or Topic.COMMANDS)
