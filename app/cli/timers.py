"""`funnel contact timers`: what is due next, for one contact or for all."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from app.cli import printing

if TYPE_CHECKING:
    from app.domain.contact import Contact
    from app.domain.interaction import Microseconds
    from app.domain.rules import Rules
    from app.domain.timers import TimerDue
    from app.settings import Settings

Key = Annotated[
    str | None, typer.Argument(metavar="[KEY]", help="One contact's; without it: who is next.")
]
Tenant = Annotated[str | None, typer.Option(help="Of whose contacts: all, or for a KEY default.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many contacts to list.")]


class Waiting(msgspec.Struct, frozen=True):
    """A contact with its timers, soonest first. It is looked at again at `check_at`: no later than
    its next timer is due, unless an import holds it up."""

    tenant: str
    contact_id: str
    stage: str
    check_at: "Microseconds | None"
    timers: "list[TimerDue]"


def timers(
    key: Key = None, tenant: Tenant = None, limit: Limit = 20, as_json: printing.Json = False
) -> None:
    """What will happen by itself, and when: one contact's timers, or the contacts due next."""
    from app.bootstrap import now
    from app.cli import settings

    at = now()
    if key is None:
        waiting = asyncio.run(read_next(settings.load(), tenant, limit, at))
    else:
        waiting = [asyncio.run(read_one(settings.load(), tenant or "default", key))]
    if as_json:
        plain = [_plain(each) for each in waiting]
        printing.json(plain if key is None else plain[0])
    elif key is None:
        printing.table(
            ("looked at", "in", "tenant", "contact", "stage", "next timer", "effect"),
            [_row_of(each, at) for each in waiting],
        )
    else:
        printing.table(
            ("due", "in", "timer", "effect"),
            [(*_when(timer.due, at), timer.name, timer.effect) for timer in waiting[0].timers],
        )


async def read_one(settings: "Settings", tenant: str, key: str) -> Waiting:
    """FunnelError where there is no such contact; Unavailable, RevisionError."""
    from app.cli.known import read_contact

    known = await read_contact(settings, tenant, key)
    return _waiting(known.contact, known.rules)


async def read_next(
    settings: "Settings", tenant: str | None, limit: int, at: "Microseconds"
) -> list[Waiting]:
    """The contacts to be looked at next, of one tenant or of all. Unavailable, RevisionError."""
    from app.cli.database import database
    from app.domain.contact import Contact
    from app.domain.topics import CONTACT_LANE
    from app.runtime.ruling import ruling_of
    from app.storage import queries

    async with database(settings) as engine:
        rows = await queries.due_next(engine, CONTACT_LANE, limit=limit, tenant=tenant)
        rulings = {
            home: await ruling_of(engine, settings, *home)
            for home in {(row.partition, row.tenant) for row in rows}
        }
    return [
        _waiting(
            Contact.stored(r.tenant, r.contact_id, r.version, r.stage, r.seq, r.state, r.log),
            rulings[r.partition, r.tenant].at(at),
        )
        for r in rows
    ]


def _waiting(contact: "Contact", rules: "Rules") -> Waiting:
    from app.domain.timers import timers_of

    armed = timers_of(contact.fold, rules)
    return Waiting(contact.tenant, contact.contact_id, contact.stage, contact.check_at, armed)


def _row_of(each: Waiting, at: "Microseconds") -> tuple[object, ...]:
    first = each.timers[0] if each.timers else None
    when = (None, None) if each.check_at is None else _when(each.check_at, at)
    following = (None, None) if first is None else (first.name, first.effect)
    return (*when, each.tenant, each.contact_id, each.stage, *following)


def _when(due: "Microseconds", at: "Microseconds") -> tuple[str, str]:
    from app.cli.explaining import ago, moment

    return moment(due), ago(at, due) if due > at else f"{ago(due, at)} ago"


def _plain(each: Waiting) -> dict[str, object]:
    from app.domain.timestamps import format_rfc3339

    return {
        "tenant": each.tenant,
        "contact_id": each.contact_id,
        "stage": each.stage,
        "check_at": None if each.check_at is None else format_rfc3339(each.check_at),
        "timers": [
            {"name": timer.name, "due": format_rfc3339(timer.due), "effect": timer.effect}
            for timer in each.timers
        ],
    }
