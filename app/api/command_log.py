"""Commands as they are noted before they are sent, and what became of them."""

from app.api.command_waits import CommandWaits
from app.api.database import Database
from app.domain.command_outcome import CommandState
from app.storage import command_queries
from app.storage.command_queries import NewCommand, Place, StoredCommand


class CommandLog:
    """Every question raises Unavailable."""

    def __init__(self, database: Database, *, waits_max: int) -> None:
        self._database = database
        self.waits = CommandWaits(
            lambda keys: command_queries.decided(database.engine, keys), waits_max=waits_max
        )

    async def note(self, new: NewCommand) -> StoredCommand:
        """What stands under its id: this one, or the one that was first."""
        return await command_queries.note(self._database.engine, new)

    async def find(self, tenant: str, command_id: str) -> StoredCommand | None:
        return await command_queries.find(self._database.engine, tenant, command_id)

    async def latest(
        self,
        tenant: str,
        *,
        limit: int,
        contact_id: str | None,
        actor: str | None,
        state: CommandState | None,
        before: Place | None,
    ) -> list[StoredCommand]:
        return await command_queries.latest(
            self._database.engine,
            tenant,
            limit=limit,
            contact_id=contact_id,
            actor=actor,
            state=state,
            before=before,
        )
