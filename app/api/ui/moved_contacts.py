"""Who made the moves that the funnel's figures of a period count."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec

from app.api.cursor import cursor_of, key_of
from app.api.database import Database
from app.api.lists import Lists, PageKey
from app.domain.funnel_figures import drops, leads_on
from app.domain.state import NONE
from app.domain.timestamps import format_rfc3339
from app.storage import list_queries
from app.storage.funnel_queries import Period
from app.storage.list_queries import ListedContact, Wanted
from app.storage.move_queries import StandingMove, standing_moves
from app.storage.stored import microseconds

AT_ONCE: Final = 250
LOOKED_MAX: Final = 4_000
"""Contacts that a page looks at; where few of them moved so, it is short and says that it goes
on."""


class Moved(msgspec.Struct, frozen=True):
    contact_id: str
    name: str | None
    """Or the e-mail address."""
    from_stage: str
    to_stage: str
    effective_at: str


class MovedPage(NamedTuple):
    items: list[Moved]
    next: str | None


class Asked(NamedTuple):
    stage: str
    way: str
    """One of WAYS."""
    period: Period
    channel: str | None
    campaign: str | None


WAYS: Final[Mapping[str, Callable[[str, StandingMove], bool]]] = {
    "entered": lambda stage, move: move.to_stage == stage,
    "on": lambda stage, move: move.from_stage == stage and leads_on(stage, move.to_stage),
    "off": lambda stage, move: move.from_stage == stage and drops(move.to_stage),
}
"""Into the stage, from it on the way, and off the way: as the figures count them."""


class MovedContacts:
    """Whoever moved in a period was changed in it or later: contacts are looked at from the one
    that was changed last, back to the period's first day."""

    def __init__(self, database: Database, lists: Lists) -> None:
        self._database = database
        self._lists = lists

    async def page(self, tenant: str, asked: Asked, rows: int, after: str | None) -> MovedPage:
        """Of at least so many moves, if there are. Problem 422; 503. Raises Unavailable."""
        place: tuple[int, str] | None = key_of(after, PageKey)
        stages = (*list_queries.all_stages(await self._lists.rules_of(tenant)), NONE)
        wanted = Wanted(tenant, stages, channel=asked.channel, campaign=asked.campaign)
        since = microseconds(asked.period.begins)
        found: list[Moved] = []
        for _ in range(LOOKED_MAX // AT_ONCE):
            some = await list_queries.contacts(
                self._database.engine, wanted, sort="updated", limit=AT_ONCE, after=place
            )
            recent = [each for each in some if each.updated_at >= since]
            moves = await self._moves(tenant, recent, asked)
            for each in recent:
                found += moves.get(each.contact_id, ())
                place = each.key("updated")
                if len(found) >= rows:
                    return MovedPage(found, cursor_of(place))
            if len(recent) < AT_ONCE:
                return MovedPage(found, None)
        return MovedPage(found, cursor_of(place))

    async def _moves(
        self, tenant: str, contacts: list[ListedContact], asked: Asked
    ) -> dict[str, list[Moved]]:
        """By contact."""
        names = {each.contact_id: each.name or each.email for each in contacts}
        keys = [(await self._database.home_of(tenant, key), key) for key in names]
        of_contact: dict[str, list[Moved]] = {}
        for move in await standing_moves(self._database.engine, tenant, keys, asked.period):
            if WAYS[asked.way](asked.stage, move):
                told = Moved(
                    move.contact_id,
                    names[move.contact_id],
                    move.from_stage,
                    move.to_stage,
                    format_rfc3339(move.effective_at),
                )
                of_contact.setdefault(move.contact_id, []).append(told)
        return of_contact
