"""`funnel contact`: one contact as it is, how it came to be so, and why."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from app.cli import printing
from app.cli.timers import timers
from app.errors import FunnelError

if TYPE_CHECKING:
    from app.domain.changes import View
    from app.domain.contact import Contact
    from app.domain.entry import Entry
    from app.domain.explanation import Explanation
    from app.domain.rules import Rules
    from app.settings import Settings
    from app.storage.rows import StoredChange

Key = Annotated[str, typer.Argument(metavar="KEY", help="The contact's key, as in subject.")]
Tenant = Annotated[str, typer.Option(help="Whose contact it is.")]
LATEST = 10

group = typer.Typer(
    help="One contact: its state, its history, why, and what is due.", no_args_is_help=True
)
group.command()(timers)


class Known(msgspec.Struct, frozen=True):
    """A contact as read at one moment."""

    contact: "Contact"
    history: "list[StoredChange]"
    rules: "Rules"
    view: "View"
    interactions: "list[Entry]"
    """The latest ones, newest first; older ones are in the sealed log."""


@group.command()
def show(key: Key, tenant: Tenant = "default", as_json: printing.Json = False) -> None:
    """Stage, temperature, facts, scores, and the latest interactions."""
    known = _known(key, tenant)
    if as_json:
        state = msgspec.structs.asdict(known.view)
        printing.json({"tenant": tenant, "contact_id": key, "seq": known.contact.seq, **state})
        return
    printing.table(("", key), _rows_of(known))
    printing.table(
        ("when", "interaction", "from"),
        [_row_of(entry) for entry in known.interactions[:LATEST]],
        title=f"latest of {len(known.interactions)} interactions",
    )


@group.command()
def history(key: Key, tenant: Tenant = "default", as_json: printing.Json = False) -> None:
    """Every stage change, also those taken back: when it was true and when it was decided."""
    from app.cli.explaining import moment

    known = _known(key, tenant)
    if as_json:
        printing.json([_plain(stored) for stored in known.history])
        return
    printing.table(
        ("seq", "true since", "move", "record", "because of", "transition", "decided", "revoked"),
        [
            (
                stored.change.seq,
                moment(stored.change.effective_at),
                f"{stored.change.from_stage} → {stored.change.to_stage}",
                stored.change.kind + (", late" if stored.change.late else ""),
                stored.change.cause.type,
                stored.change.transition,
                moment(stored.decided_at),
                None if stored.revoked_at is None else moment(stored.revoked_at),
            )
            for stored in known.history
        ],
    )


@group.command()
def why(key: Key, tenant: Tenant = "default", as_json: printing.Json = False) -> None:
    """How the contact came to its stage: guards, what was observed, the evidence; and what next."""
    from app.cli.explaining import standing, told_change, told_way

    known = _known(key, tenant)
    decisions = standing(known.history)
    ahead = _ways_out(known)
    if as_json:
        printing.json(
            {
                "stage": known.view.stage,
                "decisions": [_plain(stored) for stored in decisions],
                "ways_out": ahead,
            }
        )
        return
    by_id = {entry.id: entry for entry in known.interactions}
    for stored in decisions:
        for line in told_change(key, stored.change, by_id):
            printing.line(line)
    printing.line()
    printing.line(f"{key} is {known.view.stage} now. Ways on:")
    for way in ahead:
        if way.on == ("stage.override",):
            continue
        for line in told_way(way):
            printing.line(line)


def _known(key: str, tenant: str) -> Known:
    from app.cli import settings

    return asyncio.run(read_contact(settings.load(), tenant, key))


async def read_contact(settings: "Settings", tenant: str, key: str) -> Known:
    """FunnelError where there is none; Unavailable, RevisionError."""
    from app.bootstrap import now
    from app.cli.database import database, home_of
    from app.domain.contact import Contact
    from app.domain.decide import view
    from app.models import load_rules
    from app.storage import queries

    async with database(settings) as engine:
        home = await home_of(engine, tenant, key)
        row = await queries.contact(engine, home, tenant, key)
        changes = await queries.history(engine, home, tenant, key)
    if row is None:
        raise FunnelError(f"there is no contact {key!r} of tenant {tenant!r}")
    rules = load_rules(settings.model, settings.models_dir)
    contact = Contact.stored(tenant, key, row.version, row.stage, row.seq, row.state, row.log)
    return Known(contact, changes, rules, view(contact, rules, now()), contact.timeline())


def _ways_out(known: Known) -> "list[Explanation]":
    from app.bootstrap import now
    from app.domain.decide import explain

    return explain(known.contact, known.rules, now())


def _rows_of(known: Known) -> list[tuple[str, object]]:
    view = known.view
    engaged = "strong" if view.engagement_strong else "limited"
    return [
        ("stage", view.stage + (" (a customer)" if view.is_customer else "")),
        ("cycle", str(view.cycle)),
        ("temperature", view.temperature),
        ("engagement", f"{view.engagement / 1000:.1f} ({engaged})"),
        ("fit", f"{view.fit / 1000:.0f}"),
        ("priority", f"{view.priority / 1000:.1f}"),
        ("organisation", view.organisation),
        ("opportunity", view.opportunity),
        ("stakeholder", view.stakeholder),
        ("qualification", "high" if view.qualification_high else "low"),
        *(
            [("needed", "the industry: somebody has to find out")]
            if view.qualification_needed
            else []
        ),
        ("in pipeline", view.in_pipeline),
        ("offer", view.has_offer),
        ("owner", " / ".join(filter(None, (view.owner_team, view.owner))) or None),
        ("account", view.account_id),
        ("first touch", _touch(view.first_touch)),
        ("last touch", _touch(view.last_touch)),
    ]


def _touch(touch: Any) -> str | None:
    return None if touch is None else " / ".join(filter(None, (touch.channel, touch.campaign_id)))


def _row_of(entry: "Entry") -> tuple[str, str, str]:
    from app.cli.explaining import moment
    from app.domain.entry import AUTOMATED

    machine = " (automated)" if entry.flags & AUTOMATED else ""
    return moment(entry.time), entry.type + machine, entry.source


def _plain(stored: "StoredChange") -> dict[str, Any]:
    from app.domain.timestamps import format_rfc3339

    change = msgspec.structs.asdict(stored.change)
    times = {"effective_at": stored.change.effective_at, "decided_at": stored.decided_at}
    told = {name: format_rfc3339(at) for name, at in times.items()}
    revoked = None if stored.revoked_at is None else format_rfc3339(stored.revoked_at)
    return {**change, **told, "revoked_at": revoked}
