"""Reading one contact: state, history, timers."""

from typing import Annotated, Any, Final
from urllib.parse import unquote

import msgspec
from litestar import get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import Example
from litestar.params import FromPath, QueryParameter

from app.api.contact_reading import ContactReading
from app.api.cursor import After, Limit, Number, cursor_of, key_of
from app.api.describing import needs
from app.api.principal import Principal, Scope
from app.api.problems import not_found
from app.api.shapes import ContactAnswer, StageChange, contact_answer, stage_change
from app.domain.bitemporal import standing
from app.domain.decide import view
from app.domain.state import NONE
from app.domain.timers import timers_of
from app.domain.timestamps import format_rfc3339

KEY_MAX_CHARS = 256
READS: dict[str, Any] = needs(Scope.CONTACTS_READ, "Contacts")

MOMENTS: Final = [
    Example(summary="A moment", value="2026-03-02T09:14:05Z"),
    Example(summary="The end of a date", value="2026-03-02"),
]
AsOf = Annotated[
    str | None,
    QueryParameter(
        description="What was true then: RFC 3339, or a date (its end).",
        max_length=64,
        examples=MOMENTS,
    ),
]
KnownAt = Annotated[
    str | None,
    QueryParameter(
        description="What was known then. Default: now.", max_length=64, examples=MOMENTS
    ),
]


class Moments(msgspec.Struct, frozen=True):
    """What was true at one moment, by what was known at another, and the stage that held then."""

    as_of: str
    known_at: str
    stage: str


class History(msgspec.Struct, frozen=True):
    items: list[StageChange]
    next: str | None
    """Give it as `after` for what follows; null: that was all."""
    standing: Moments | None = None
    """Where moments were asked about: then `items` are the moves that had led there."""


class Timer(msgspec.Struct, frozen=True):
    name: str
    due: str
    effect: str


class TimersAnswer(msgspec.Struct, frozen=True):
    contact_id: str
    stage: str
    timers: list[Timer]
    """What will happen by itself, soonest first."""


def contact_key(contact_id: FromPath[str]) -> str:
    """The contact's key, from the path. Problem 404: no contact can have that one."""
    return decoded_key(contact_id, "contact")


def decoded_key(part: str, what: str) -> str:
    """A key that people chose, from an undecoded path. Problem 404."""
    try:
        key = unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise not_found(what) from None
    if "\0" in key or len(key) > KEY_MAX_CHARS:
        raise not_found(what)
    return key


@get("/contacts/{contact_id:str}", summary="A contact as it is, or as it was", **READS)
async def contact(
    key: Given[str],
    principal: Given[Principal],
    contacts: Given[ContactReading],
    as_of: AsOf = None,
) -> ContactAnswer:
    tenant = principal.tenant
    ruling = await contacts.ruling(tenant, key)
    then = contacts.moment("as_of", as_of, ruling)
    if then is None:
        found, at = await contacts.contact(tenant, key), contacts.clock()
    else:
        found, at = await contacts.contact_at(tenant, key, then, ruling), then
    rules = ruling.at(at)
    return contact_answer(tenant, key, at, found.seq, rules.ref, view(found, rules, at))


@get("/contacts/{contact_id:str}/history", summary="Every stage change, or what stood", **READS)
async def history(
    key: Given[str],
    principal: Given[Principal],
    contacts: Given[ContactReading],
    as_of: AsOf = None,
    known_at: KnownAt = None,
    limit: Limit = 100,
    after: After = None,
) -> History:
    """All records by seq, also those taken back. With `as_of` or `known_at`: the moves that had led
    to that moment, by what was known at that."""
    ruling = await contacts.ruling(principal.tenant, key)
    known = contacts.moment("known_at", known_at, ruling)
    true = contacts.moment("as_of", as_of, ruling)
    last_seq = key_of(after, Number) or 0
    records = await contacts.history(principal.tenant, key)
    if known is None and true is None:
        following = [each for each in records if each.change.seq > last_seq]
        page = following[:limit]
        is_more = len(following) > limit
        goes_on = cursor_of(page[-1].change.seq) if is_more else None
        return History([stage_change(each) for each in page], goes_on)
    knew = contacts.clock() if known is None else known
    truth = knew if true is None else true
    moves = standing(records, truth, knew)
    stage = moves[-1].change.to_stage if moves else NONE
    return History(
        [stage_change(each, knew) for each in moves],
        None,
        Moments(format_rfc3339(truth), format_rfc3339(knew), stage),
    )


@get("/contacts/{contact_id:str}/timers", summary="What is due next", **READS)
async def timers(
    key: Given[str],
    principal: Given[Principal],
    contacts: Given[ContactReading],
) -> TimersAnswer:
    ruling = await contacts.ruling(principal.tenant, key)
    found = await contacts.contact(principal.tenant, key)
    armed = timers_of(found.fold, ruling.at(contacts.clock()))
    return TimersAnswer(
        contact_id=key,
        stage=found.stage,
        timers=[Timer(each.name, format_rfc3339(each.due), each.effect) for each in armed],
    )


CONTACT_ROUTES: list[HTTPRouteHandler] = [contact, history, timers]
