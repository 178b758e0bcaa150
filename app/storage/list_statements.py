"""The statements that read lists of contacts, each made once: making one costs more than asking it.

What a list is filtered by has an index in each order for every stage and temperature (`facet_of`):
a page is merged from the first rows of each. Searches look at the first few hundred matches of each
kind, by key, and sort those.
"""

from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
)

from app.domain.listing import Facet
from app.domain.personal import FIELDS
from app.storage.tables import contact_view, profile

Sort = Literal["follow-up", "updated"]
STATEMENTS_KEPT: Final = 256
"""Of each kind."""
LISTED: Final = (
    "contact_id", "stage", "temperature", "cycle", "is_customer", "entered_at", "follow_up_due",
    "work_order", "fit", "engagement", "priority", "owner", "account_id", "first_channel",
    "first_campaign", "updated_at",
)  # fmt: skip
"""What a page's rows begin with; the profile's FIELDS follow."""
_view = contact_view.c
_SEARCHED: Final = ("name_key", "name_turned", "email_key", "company_key")


class Filter(NamedTuple):
    """`number`: the column with the index, see `facet_of`."""

    name: str
    facet: Facet
    number: ColumnElement[Any]
    value: ColumnElement[Any]


FILTERS: Final = (
    Filter("account", "account", _view.of_account, _view.account_id),
    Filter("owner", "owner", _view.of_owner, _view.owner),
    Filter("campaign", "campaign", _view.of_campaign, _view.first_campaign),
    Filter("channel", "channel", _view.of_channel, _view.first_channel),
)
"""Those with fewer contacts each first: with the first that is asked for a list begins."""


class Shape(NamedTuple):
    """What makes a page's statement another one."""

    sort: Sort
    limit: int
    goes_on: bool
    """After a row that was seen: `after_at` and `after_id` are given."""
    filters: tuple[str, ...]
    """Those whose values are given, by their names."""


_tenant = bindparam("tenant", type_=Text)
_stages = any_(bindparam("stages", type_=ARRAY(Text)))
_temperatures = any_(bindparam("temperatures", type_=ARRAY(Text)))


@lru_cache(maxsize=STATEMENTS_KEPT)
def page_by_facets(shape: Shape) -> Select[Any]:
    """The first rows of every stage and temperature (`numbers`), through the index of one facet."""
    asked = [each for each in FILTERS if each.name in shape.filters]
    each = (
        func.unnest(bindparam("numbers", type_=ARRAY(BigInteger)))
        .table_valued("number", name="each")
        .render_derived()
    )
    number = asked[0].number if asked else _view.in_stage
    first = (
        select(contact_view)
        .where(number == each.c.number, _view.linked_to.is_(None))
        .where(*(_is_given(filter_) for filter_ in asked[1:]))
        .order_by(*_order(shape.sort))
        .limit(_literal(shape.limit))
    )
    if shape.goes_on:
        first = first.where(_beyond(shape.sort))
    rows = first.correlate(each).lateral("v")
    is_it = [rows.c.tenant == _tenant, rows.c.stage == _stages]
    if asked:  # numbers may be those of another value, if rarely
        is_it.append(_is_given(asked[0], rows.c))
    found = select(rows).select_from(each.join(rows, true())).where(*is_it).subquery("found")
    return _told(shape.sort, _first(shape, found))


@lru_cache(maxsize=STATEMENTS_KEPT)
def page_of_keys(shape: Shape) -> Select[Any]:
    """Of contacts given by `partitions` and `contact_ids`."""
    given = (
        func.unnest(
            bindparam("partitions", type_=ARRAY(Integer)),
            bindparam("contact_ids", type_=ARRAY(Text)),
        )
        .table_valued("partition", "contact_id", name="given")
        .render_derived()
    )
    found = select(contact_view).select_from(given.join(contact_view, _has_key(given)))
    return _told(shape.sort, _wanted(shape, found.subquery("found")))


@lru_cache(maxsize=STATEMENTS_KEPT)
def page_of_search(shape: Shape, has_word: bool, matches_max: int) -> Select[Any]:
    """Of what begins with `text`, or with `word` as it is searched for; `beyond_…` is where each
    ends. Each row begins with whether more match than were looked at, and with whom matches are
    folded under; without a page there is one row of those alone."""
    kinds = [_by_word(name, matches_max) for name in _SEARCHED if has_word]
    kinds.append(_by_key(matches_max))
    match = union_all(*(select(each.subquery()) for each in kinds)).cte("match")
    once = select(match.c.partition, match.c.contact_id).distinct().subquery("once")
    found = select(contact_view).select_from(once.join(contact_view, _has_key(once))).cte("found")
    of_kind = select(func.count().label("n")).select_from(match).group_by(match.c.kind).subquery()
    is_cut = select(func.coalesce(func.max(of_kind.c.n), 0) >= matches_max).scalar_subquery()
    primary = found.c.linked_to
    linked = select(func.array_agg(primary.distinct())).where(primary.is_not(None))
    about = select(is_cut.label("is_cut"), linked.scalar_subquery().label("linked"))
    return _told(shape.sort, _wanted(shape, found), about.subquery("about"))


def _by_word(name: str, matches_max: int) -> Select[Any]:
    """Of one kind."""
    column = profile.c[name]
    return (
        select(literal(name).label("kind"), profile.c.partition, profile.c.contact_id)
        .where(profile.c.tenant == _tenant)
        .where(column >= bindparam("word", type_=Text))
        .where(column < bindparam("beyond_word", type_=Text))
        .order_by(column)
        .limit(_literal(matches_max))
    )


def _by_key(matches_max: int) -> Select[Any]:
    where = (
        func.unnest(bindparam("partitions", type_=ARRAY(Integer)))
        .table_valued("partition", name="homes")
        .render_derived()
    )
    mine = (
        select(_view.partition, _view.contact_id)
        .where(_view.partition == where.c.partition, _view.tenant == _tenant)
        .where(_view.contact_id >= bindparam("text", type_=Text))
        .where(_view.contact_id < bindparam("beyond_text", type_=Text))
        .order_by(_view.contact_id)
        .limit(_literal(matches_max))
        .lateral("mine")
    )
    return (
        select(literal("key").label("kind"), mine.c.partition, mine.c.contact_id)
        .select_from(where.join(mine, true()))
        .limit(_literal(matches_max))
    )


def _wanted(shape: Shape, found: FromClause) -> Select[Any]:
    """The page of rows that no index has chosen."""
    of = found.c
    page = _first(shape, found).where(
        of.stage == _stages, of.temperature == _temperatures, of.linked_to.is_(None)
    )
    asked = [each for each in FILTERS if each.name in shape.filters]
    page = page.where(*(of[each.value.name] == bindparam(each.name, type_=Text) for each in asked))
    return page.where(_beyond(shape.sort, of)) if shape.goes_on else page


def _first(shape: Shape, found: FromClause) -> Select[Any]:
    return select(found).order_by(*_order(shape.sort, found.c)).limit(_literal(shape.limit))


def _told(sort: Sort, first: Select[Any], about: FromClause | None = None) -> Select[Any]:
    """With profiles, and in order, which a join need not keep."""
    page = first.subquery("page")
    of_page = page.c
    key = (profile.c[name] == of_page[name] for name in ("partition", "tenant", "contact_id"))
    rows: FromClause = page if about is None else about.outerjoin(page, true())
    columns = (*(of_page[name] for name in LISTED), *(profile.c[field] for field in FIELDS))
    return (
        select(*(about.c if about is not None else ()), *columns)
        .select_from(rows.outerjoin(profile, and_(*key)))
        .order_by(*_order(sort, of_page))
    )


def _is_given(filter_: Filter, of: Any = _view) -> ColumnElement[bool]:
    column: ColumnElement[Any] = of[filter_.value.name]
    return column == bindparam(filter_.name, type_=Text)


def _has_key(given: FromClause) -> ColumnElement[bool]:
    return and_(
        _view.partition == given.c.partition,
        _view.tenant == _tenant,
        _view.contact_id == given.c.contact_id,
    )


def _order(sort: Sort, of: Any = _view) -> tuple[ColumnElement[Any], ...]:
    if sort == "updated":
        return of.updated_at.desc(), of.contact_id.desc()
    return of.work_order, of.contact_id


def _beyond(sort: Sort, of: Any = _view) -> ColumnElement[bool]:
    contact_id = bindparam("after_id", type_=Text)
    if sort == "updated":
        moment = bindparam("after_at", type_=DateTime(timezone=True))
        return tuple_(of.updated_at, of.contact_id) < tuple_(moment, contact_id)
    place = bindparam("after_at", type_=BigInteger)
    return tuple_(of.work_order, of.contact_id) > tuple_(place, contact_id)


def _literal(limit: int) -> ColumnElement[int]:
    """In the text of the statement: a plan for an unknown limit reads everything."""
    return literal_column(str(int(limit)))
