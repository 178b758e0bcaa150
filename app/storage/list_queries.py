"""Contacts in lists: filtered, in an order, a page at a time. Off the hot path.

Whatever is asked, few rows are read: `app.storage.list_statements` says how.

Every function raises Unavailable when PostgreSQL is away.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.interaction import Microseconds
from app.domain.listing import facet_of
from app.domain.personal import search_key
from app.domain.routing import home_partition, routing_key
from app.domain.rules import Rules
from app.domain.state import (
    CUSTOMER,
    DISQUALIFIED,
    LEAD,
    LOST,
    OPPORTUNITY,
    PROSPECT,
    RECYCLED,
)
from app.domain.temperature import COLD, HOT, WARM
from app.storage.engine import rows_of
from app.storage.list_statements import (
    FILTERS,
    LISTED,
    Shape,
    Sort,
    page_by_facets,
    page_of_keys,
    page_of_search,
)
from app.storage.stored import microseconds, moment

TEMPERATURES: Final = (HOT, WARM, COLD)
MATCHES_MAX: Final = 200
"""Of one kind (name, family name, e-mail, company, key) that a search looks at."""
_STAGES: Final = (LEAD, PROSPECT, OPPORTUNITY, CUSTOMER, LOST, RECYCLED, DISQUALIFIED)
_DOING: Final = "reading lists"
_END: Final = chr(0x10FFFF)
Key = tuple[int, str]
"""Where a list goes on: see `ListedContact.key`."""


def all_stages(rules: Rules) -> tuple[str, ...]:
    """Those of the model, and those that contacts may still be in from another one."""
    return tuple(dict.fromkeys((*rules.stages, *_STAGES)))


def teams(rules: Rules) -> list[str]:
    return sorted({each.owner for each in rules.stages.values() if each.owner is not None})


def stages_of(rules: Rules, stage: str | None, team: str | None) -> tuple[str, ...]:
    """In which a list looks; who is in no stage is listed only where that is asked for."""
    if team is not None:
        owned = tuple(name for name, each in rules.stages.items() if each.owner == team)
        return owned if stage is None else tuple(name for name in owned if name == stage)
    return all_stages(rules) if stage is None else (stage,)


class Wanted(msgspec.Struct, frozen=True):
    """What a list is to hold; None: whatever it is."""

    tenant: str
    stages: tuple[str, ...]
    temperature: str | None = None
    owner: str | None = None
    account: str | None = None
    channel: str | None = None
    campaign: str | None = None

    @property
    def temperatures(self) -> tuple[str, ...]:
        return TEMPERATURES if self.temperature is None else (self.temperature,)


class ListedContact(msgspec.Struct, frozen=True):
    """In the order of LISTED, then of a profile's FIELDS."""

    contact_id: str
    stage: str
    temperature: str
    cycle: int
    is_customer: bool
    entered_at: Microseconds
    follow_up_due: Microseconds | None
    work_order: int
    fit: int
    engagement: int
    priority: int
    owner: str | None
    account_id: str | None
    first_channel: str | None
    first_campaign: str | None
    updated_at: Microseconds
    name: str | None
    email: str | None
    phone: str | None
    company: str | None

    def key(self, sort: Sort) -> tuple[int, str]:
        """Where a list goes on after it."""
        return (self.updated_at if sort == "updated" else self.work_order), self.contact_id


class Found(NamedTuple):
    """What a text leads to."""

    contacts: list[ListedContact]
    is_cut: bool
    """More match than were looked at."""


async def contacts(
    engine: AsyncEngine,
    wanted: Wanted,
    *,
    sort: Sort,
    limit: int,
    after: Key | None = None,
    among: Sequence[tuple[int, str]] | None = None,
) -> list[ListedContact]:
    """`after`: key of the last one already seen; `among`: only these (partition, contact_id)."""
    shape, given = _shape(wanted, sort, limit, after), _given(wanted, sort, after)
    if among is not None:
        given["partitions"] = [partition for partition, _ in among]
        given["contact_ids"] = [contact_id for _, contact_id in among]
        return list(map(_listed, await rows_of(engine, _DOING, page_of_keys(shape), given)))
    facet, value = _leading(wanted)
    given["numbers"] = [
        facet_of(facet, wanted.tenant, value, stage, temperature)
        for stage, temperature in product(wanted.stages, wanted.temperatures)
    ]
    return list(map(_listed, await rows_of(engine, _DOING, page_by_facets(shape), given)))


async def search(
    engine: AsyncEngine,
    wanted: Wanted,
    text: str,
    partitions: int,
    *,
    sort: Sort,
    limit: int,
    after: Key | None = None,
    matches_max: int = MATCHES_MAX,
) -> Found:
    """By the beginning of a name, family name, e-mail or company, as people write them, or of the
    contact's key, as it is. Who is folded under another contact leads to that one.

    `partitions`: N of the contact lane."""
    word = search_key(text)
    given = _given(wanted, sort, after) | {
        "partitions": list(range(partitions)), "text": text, "beyond_text": text + _END,
    }  # fmt: skip
    if word:
        given |= {"word": word, "beyond_word": word + _END}
    shape = _shape(wanted, sort, limit, after)
    rows = await rows_of(
        engine, "reading lists", page_of_search(shape, bool(word), matches_max), given
    )
    is_cut, linked, *_ = rows[0]
    found = [_listed(row[2:]) for row in rows if row[2] is not None]
    if linked:
        among = [
            (home_partition(routing_key(wanted.tenant, key), partitions), key) for key in linked
        ]
        others = await contacts(engine, wanted, sort=sort, limit=limit, after=after, among=among)
        found = _merged(found, others, sort)[:limit]
    return Found(found, is_cut)


def _merged(
    found: list[ListedContact], others: list[ListedContact], sort: Sort
) -> list[ListedContact]:
    """Each once, in order."""
    by_key = {each.key(sort): each for each in (*found, *others)}
    return [by_key[key] for key in sorted(by_key, reverse=sort == "updated")]


def _leading(wanted: Wanted) -> tuple[Any, str]:
    """The facet by which a page is read, and its value."""
    for each in FILTERS:
        if (value := getattr(wanted, each.name)) is not None:
            return each.facet, value
    return "stage", ""


def _shape(wanted: Wanted, sort: Sort, limit: int, after: Key | None) -> Shape:
    asked = tuple(each.name for each in FILTERS if getattr(wanted, each.name) is not None)
    return Shape(sort, limit, after is not None, asked)


def _given(wanted: Wanted, sort: Sort, after: Key | None) -> dict[str, Any]:
    given = {each.name: getattr(wanted, each.name) for each in FILTERS} | {
        "tenant": wanted.tenant,
        "stages": list(wanted.stages),
        "temperatures": list(wanted.temperatures),
    }
    if after is not None:
        at, given["after_id"] = after
        given["after_at"] = moment(at) if sort == "updated" else at
    return given


_TIMES: Final = tuple(map(LISTED.index, ("entered_at", "follow_up_due", "updated_at")))


def _listed(row: Sequence[Any]) -> ListedContact:
    fields = list(row)
    for n in _TIMES:
        if fields[n] is not None:
            fields[n] = microseconds(fields[n])
    return ListedContact(*fields)
