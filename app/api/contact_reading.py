"""A contact read from PostgreSQL and looked at: now, as it was, and what would lead on."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from app.api.database import Database
from app.api.problems import not_found, wrong_field
from app.domain.as_of import go_back
from app.domain.calendar import DAY
from app.domain.contact import Contact
from app.domain.interaction import Microseconds
from app.domain.timeline import Ruling
from app.domain.why_not import ERASED, WhyNot, why_not
from app.storage import queries
from app.storage.rows import StoredChange

AHEAD_MAX: Final = 1_096 * DAY
DATE_CHARS: Final = 10


class Rulings(Protocol):
    async def __call__(self, tenant: str, partition: int) -> Ruling:
        """What decides about a tenant's contacts of a partition. Raises Unavailable."""
        ...


class ContactReading:
    def __init__(
        self,
        database: Database,
        rulings: Rulings,
        clock: Callable[[], Microseconds],
        *,
        folds_max: int,
    ) -> None:
        """`folds_max`: how many questions at once may fold a contact again, each in a thread."""
        self.clock = clock
        self._rulings = rulings
        self._database = database
        self._folds = asyncio.Semaphore(folds_max)

    async def contact(self, tenant: str, key: str) -> Contact:
        """As it is stored, all its evidence loaded. Problem 404; Unavailable."""
        home = await self._database.home_of(tenant, key)
        found = await queries.whole_contact(self._database.engine, home, tenant, key)
        if found is None:
            raise not_found("contact")
        row, sealed = found
        contact = Contact.stored(tenant, key, row.version, row.stage, row.seq, row.state, row.log)
        contact.load_sealed(sealed)
        return contact

    async def ruling(self, tenant: str, key: str) -> Ruling:
        """What decides about a contact, whether there is one or not."""
        return await self._rulings(tenant, await self._database.home_of(tenant, key))

    async def contact_at(self, tenant: str, key: str, at: Microseconds, ruling: Ruling) -> Contact:
        """As it was, or will be if nothing happens, by what is known now."""
        contact = await self.contact(tenant, key)
        async with self._folds:
            await asyncio.to_thread(go_back, contact, at, ruling)
        return contact

    async def history(self, tenant: str, key: str) -> list[StoredChange]:
        """By seq. Problem 404; Unavailable."""
        home = await self._database.home_of(tenant, key)
        engine = self._database.engine
        records = await queries.history(engine, home, tenant, key)
        if not records and await queries.contact(engine, home, tenant, key) is None:
            raise not_found("contact")
        return records

    async def why_not(self, tenant: str, key: str, stage: str) -> WhyNot:
        """Problem 404, or 422 where the model has no such stage."""
        rules = (await self.ruling(tenant, key)).at(self.clock())
        if stage not in (*rules.stages, ERASED):
            raise wrong_field("stage", f"must be one of {', '.join(rules.stages)}")
        contact = await self.contact(tenant, key)
        async with self._folds:
            return await asyncio.to_thread(why_not, key, contact.fold, stage, self.clock(), rules)

    def moment(self, name: str, text: str | None, ruling: Ruling) -> Microseconds | None:
        """An RFC 3339 time; or a date, which means its last moment in the model's time zone.

        Problem 422.
        """
        if text is None:
            return None
        found = ruling.at(self.clock()).instant(text)
        if found is None:
            raise wrong_field(name, "must be a moment: 2026-03-02 or 2026-03-02T09:14:05Z")
        if found > self.clock() + AHEAD_MAX:
            raise wrong_field(name, "is too far ahead: ask for at most three years from now")
        return found - 1 if len(text) == DATE_CHARS else found
