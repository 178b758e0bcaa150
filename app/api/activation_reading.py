"""What was activated for a tenant, and how far the contacts are."""

import re
from collections.abc import Callable
from typing import Final

from app.api.activating import Asked
from app.api.activation_shapes import (
    Activation,
    activation_of_command,
    activation_of_rows,
    grouped,
)
from app.api.command_log import CommandLog
from app.api.database import Database
from app.api.problems import not_found
from app.domain.interaction import Microseconds
from app.domain.rewriting import ACTIVATED
from app.domain.topics import CONTACT_LANE
from app.storage import model_queries, queries
from app.storage.command_queries import StoredCommand
from app.storage.model_queries import TimelineRow

_is_id: Final = re.compile(r"[0-9a-z-]{1,64}").fullmatch


class Timelines:
    """Of PostgreSQL. Every question raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def rows(self, tenant: str) -> list[TimelineRow]:
        return await model_queries.timeline(self._database.engine, tenant)

    async def counts(self, tenant: str) -> tuple[int, int]:
        """Of partitions (0: no worker has run yet), and of the tenant's contacts."""
        lane = await queries.lane(self._database.engine, CONTACT_LANE)
        contacts = await model_queries.contacts_of(self._database.engine, tenant)
        return (0 if lane is None else lane.partitions), sum(contacts.values())


class ActivationReading:
    def __init__(
        self, timelines: Timelines, log: CommandLog, clock: Callable[[], Microseconds]
    ) -> None:
        self._timelines = timelines
        self._log = log
        self._clock = clock

    async def shown(self, command: StoredCommand, asked: Asked | None = None) -> Activation:
        """`asked`: by whoever sent the command now."""
        found = await self._in_timeline(command.tenant, command.command_id)
        if found is not None:
            return found
        counts = await self._timelines.counts(command.tenant)
        return activation_of_command(command, *counts, asked)

    async def find(self, tenant: str, id_: str) -> Activation | None:
        """None: none of this id was asked for."""
        if not _is_id(id_):
            return None
        found = await self._in_timeline(tenant, id_)
        if found is not None:
            return found
        command = await self._log.find(tenant, id_)
        if command is None or command.type != ACTIVATED:
            return None
        return await self.shown(command)

    async def known(self, tenant: str, id_: str) -> Activation:
        """Problem 404."""
        found = await self.find(tenant, id_)
        if found is None:
            raise not_found("activation")
        return found

    async def latest(self, tenant: str, limit: int) -> list[Activation]:
        """Newest first."""
        by_command = sorted(
            grouped(await self._timelines.rows(tenant)).values(),
            key=lambda found: max(row.activation.decided_at for row in found),
            reverse=True,
        )
        counts, now = await self._timelines.counts(tenant), self._clock()
        return [activation_of_rows(each, *counts, now) for each in by_command[:limit]]

    async def _in_timeline(self, tenant: str, id_: str) -> Activation | None:
        mine = grouped(await self._timelines.rows(tenant)).get(id_)
        if mine is None:
            return None
        return activation_of_rows(mine, *await self._timelines.counts(tenant), self._clock())
