"""Contacts in lists: filtered, in an order, a page at a time. Off the hot path.

Whatever is asked, few rows are read. What a list is filtered by has an index in each order for
every stage and temperature (`facet_of`): a page is merged from the first rows of each. Searches
look at the first few hundred matches of each kind, by key, and sort those.

Every function raises Unavailable when PostgreSQL is away.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import Any, Final, Literal, NamedTuple

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Executable,
    Integer,
    Row,
    Select,
    Text,
    and_,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.interaction import Microseconds
from app.domain.listing import Facet, facet_of
from app.domain.personal import FIELDS, search_key
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
from app.storage.engine import reaching
from app.storage.stored import microseconds, moment
from app.storage.tables import contact_view, profile

Sort = Literal["follow-up", "updated"]
TEMPERATURES: Final = (HOT, WARM, COLD)
MATCHES_MAX: Final = 200
"""Of one kind (name, family name, e-mail, company, key) that a search looks at."""
_STAGES: Final = (LEAD, PROSPECT, OPPORTUNITY, CUSTOMER, LOST, RECYCLED, DISQUALIFIED)
_END: Final = chr(0x10FFFF)
_view = contact_view.c
_SEARCHED: Final = ("name_key", "name_turned", "email_key", "company_key")
_FACETS: Final[tuple[tuple[str, Facet, ColumnElement[Any], ColumnElement[Any]], ...]] = (
    ("account", "account", _view.of_account, _view.account_id),
    ("owner", "owner", _view.of_owner, _view.owner),
    ("campaign", "campaign", _view.of_campaign, _view.first_campaign),
    ("channel", "channel", _view.of_channel, _view.first_channel),
)
"""Those with fewer contacts each first: with the first that is asked for a list begins."""


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


class ListedContact(msgspec.Struct, frozen=True):
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
    """What a text leads to: contacts by (partition, contact_id)."""

    keys: list[tuple[int, str]]
    primaries: list[str]
    """The contacts that those of them which are linked are folded under."""
    is_cut: bool
    """More match than were looked at."""


async def contacts(
    engine: AsyncEngine,
    wanted: Wanted,
    *,
    sort: Sort,
    limit: int,
    after: tuple[int, str] | None = None,
    among: Sequence[tuple[int, str]] | None = None,
) -> list[ListedContact]:
    """`after`: key of the last one already seen; `among`: only these (partition, contact_id)."""
    some = _by_facets(wanted, sort, limit, after) if among is None else _among(wanted, among)
    found = some.subquery("found")
    first = select(found).order_by(*_order(sort, found.c)).limit(_literal(limit))
    if among is not None and after is not None:
        first = first.where(_beyond(sort, after, found.c))
    page = first.subquery("page")
    of_page = page.c
    told = and_(
        *(profile.c[name] == of_page[name] for name in ("partition", "tenant", "contact_id"))
    )
    columns = [of_page[name] for name in ListedContact.__struct_fields__ if name in of_page]
    query = (
        select(*columns, *(profile.c[field] for field in FIELDS))
        .select_from(page.outerjoin(profile, told))
        .order_by(*_order(sort, of_page))
    )
    return [_listed(row) for row in await _rows(engine, query)]


async def search(engine: AsyncEngine, tenant: str, text: str, partitions: Sequence[int]) -> Found:
    """By the beginning of a name, family name, e-mail or company, as people write them, or of the
    contact's key, as it is."""
    key = search_key(text)
    kinds: list[Select[Any]] = []
    if key:
        for name in _SEARCHED:
            column = profile.c[name]
            kinds.append(
                select(literal(name).label("kind"), profile.c.partition, profile.c.contact_id)
                .where(profile.c.tenant == tenant, column >= key, column < key + _END)
                .order_by(column)
                .limit(_literal(MATCHES_MAX))
            )
    kinds.append(_by_key(tenant, text, partitions))
    match = union_all(*(select(each.subquery()) for each in kinds)).subquery("match")
    it = and_(
        _view.partition == match.c.partition,
        _view.tenant == tenant,
        _view.contact_id == match.c.contact_id,
    )
    query = select(match, _view.linked_to).select_from(match.join(contact_view, it))
    keys: dict[tuple[int, str], str | None] = {}
    counts: Counter[str] = Counter()
    for kind, partition, contact_id, linked_to in await _rows(engine, query):
        counts[kind] += 1
        keys[partition, contact_id] = linked_to
    primaries = dict.fromkeys(filter(None, keys.values()))
    is_cut = max(counts.values(), default=0) >= MATCHES_MAX
    return Found([key for key in keys if not keys[key]], list(primaries), is_cut)


def _by_key(tenant: str, text: str, partitions: Sequence[int]) -> Select[Any]:
    where = (
        func.unnest(literal(list(partitions), ARRAY(Integer)))
        .table_valued("partition", name="homes")
        .render_derived()
    )
    mine = (
        select(_view.partition, _view.contact_id)
        .where(_view.partition == where.c.partition, _view.tenant == tenant)
        .where(_view.contact_id >= text, _view.contact_id < text + _END)
        .order_by(_view.contact_id)
        .limit(_literal(MATCHES_MAX))
        .lateral("mine")
    )
    return (
        select(literal("key").label("kind"), mine.c.partition, mine.c.contact_id)
        .select_from(where.join(mine, true()))
        .limit(_literal(MATCHES_MAX))
    )


def _by_facets(
    wanted: Wanted, sort: Sort, limit: int, after: tuple[int, str] | None
) -> Select[Any]:
    """The first rows of every stage and temperature, through the index of one facet."""
    temperatures = TEMPERATURES if wanted.temperature is None else (wanted.temperature,)
    asked = [each for each in _FACETS if getattr(wanted, each[0]) is not None]
    facet, number, value = (
        (asked[0][1], asked[0][2], getattr(wanted, asked[0][0]))
        if asked
        else ("stage", _view.in_stage, "")
    )
    numbers = [
        facet_of(facet, wanted.tenant, value, stage, temperature)
        for stage, temperature in product(wanted.stages, temperatures)
    ]
    each = (
        func.unnest(literal(numbers, ARRAY(BigInteger)))
        .table_valued("number", name="each")
        .render_derived()
    )
    first = (
        select(contact_view)
        .where(number == each.c.number, _view.linked_to.is_(None))
        .where(*(column == getattr(wanted, name) for name, _, _, column in asked[1:]))
        .order_by(*_order(sort))
        .limit(_literal(limit))
    )
    if after is not None:
        first = first.where(_beyond(sort, after))
    rows = first.correlate(each).lateral("v")
    is_it = [rows.c.tenant == wanted.tenant, rows.c.stage.in_(wanted.stages)]
    if asked:  # numbers may be those of another value, if rarely
        is_it.append(rows.c[asked[0][3].name] == value)
    return select(rows).select_from(each.join(rows, true())).where(*is_it)


def _among(wanted: Wanted, keys: Sequence[tuple[int, str]]) -> Select[Any]:
    given = (
        func.unnest(
            literal([partition for partition, _ in keys], ARRAY(Integer)),
            literal([contact_id for _, contact_id in keys], ARRAY(Text)),
        )
        .table_valued("partition", "contact_id", name="given")
        .render_derived()
    )
    key = and_(
        _view.partition == given.c.partition,
        _view.tenant == wanted.tenant,
        _view.contact_id == given.c.contact_id,
    )
    query = (
        select(contact_view)
        .select_from(given.join(contact_view, key))
        .where(_view.stage.in_(wanted.stages), _view.linked_to.is_(None))
    )
    if wanted.temperature is not None:
        query = query.where(_view.temperature == wanted.temperature)
    for name, _, _, column in _FACETS:
        if getattr(wanted, name) is not None:
            query = query.where(column == getattr(wanted, name))
    return query


def _order(sort: Sort, of: Any = _view) -> tuple[ColumnElement[Any], ...]:
    if sort == "updated":
        return of.updated_at.desc(), of.contact_id.desc()
    return of.work_order, of.contact_id


def _beyond(sort: Sort, after: tuple[int, str], of: Any = _view) -> ColumnElement[bool]:
    at, contact_id = after
    if sort == "updated":
        return tuple_(of.updated_at, of.contact_id) < (moment(at), contact_id)
    return tuple_(of.work_order, of.contact_id) > (at, contact_id)


def _literal(limit: int) -> ColumnElement[int]:
    """In the text of the statement: a plan for an unknown limit reads everything."""
    return literal_column(str(int(limit)))


def _listed(row: Row[*tuple[Any, ...]]) -> ListedContact:
    fields = dict(row._mapping)
    for name in ("entered_at", "follow_up_due", "updated_at"):
        if fields[name] is not None:
            fields[name] = microseconds(fields[name])
    return ListedContact(**fields)


async def _rows(engine: AsyncEngine, query: Executable) -> Sequence[Row[*tuple[Any, ...]]]:
    with reaching("reading lists"):
        async with engine.connect() as connection:
            found = await connection.execute(query)
    return list(found.all())
