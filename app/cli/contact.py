"""`funnel contact`: one contact as it is, how it came to be so, and why."""

from typing import TYPE_CHECKING, Any

import msgspec
import typer

from app.cli import printing
from app.cli.contact_list import list_
from app.cli.erasing import erase
from app.cli.history import history
from app.cli.known import AsOf, Key, Known, Tenant, known_of
from app.cli.linking import link, unlink
from app.cli.republish import republish
from app.cli.standing import standing_of, tell_standing
from app.cli.timers import timers
from app.cli.why import why
from app.cli.why_not import why_not

if TYPE_CHECKING:
    from app.domain.entry import Entry

LATEST = 10

group = typer.Typer(
    help="Contacts: a list, or one with its state, its history, why, and what is due.",
    no_args_is_help=True,
)


@group.command()
def show(
    key: Key, tenant: Tenant = "default", as_of: AsOf = None, as_json: printing.Json = False
) -> None:
    """Stage, temperature, facts, scores, and the latest interactions: now, or as they were."""
    from app.cli.moments import told_moment

    known = known_of(key, tenant, as_of)
    if as_json:
        state = msgspec.structs.asdict(known.view)
        seq = {"seq": known.contact.seq} if as_of is None else {"as_of": told_moment(known.at)}
        members = {"members": known.members}
        scores = {name: state[name] / 1000 for name in ("fit", "engagement", "priority")}
        told = {**state, **scores, **standing_of(known)}
        printing.json({"tenant": tenant, "contact_id": key, **seq, **told, **members})
        return
    title = None if as_of is None else f"as of {told_moment(known.at)}, by what is known now"
    printing.table(("", key), _rows_of(known), title=title)
    tell_standing(known)
    columns = ("when", "interaction", "from", *(("of",) if known.members else ()))
    printing.table(
        columns,
        [_row_of(entry)[: len(columns)] for entry in known.interactions[:LATEST]],
        title=f"latest of {len(known.interactions)} interactions",
    )


def _rows_of(known: Known) -> list[tuple[str, object]]:
    view = known.view
    out, deals = known.contact.fold.opted_out, known.contact.fold.open_deals
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
        *([("opted out of", ", ".join(sorted(out)))] if out else []),
        *([("open deals", ", ".join(sorted(deals)))] if deals else []),
        ("owner", " / ".join(filter(None, (view.owner_team, view.owner))) or None),
        ("account", view.account_id),
        ("first touch", _touch(view.first_touch)),
        ("last touch", _touch(view.last_touch)),
        *([("linked to", view.linked_to)] if view.linked_to else []),
        *([("with", ", ".join(known.members))] if known.members else []),
    ]


def _touch(touch: Any) -> str | None:
    return None if touch is None else " / ".join(filter(None, (touch.channel, touch.campaign_id)))


def _row_of(entry: "Entry") -> tuple[str, str, str, str | None]:
    from app.cli.explaining import moment
    from app.domain.entry import AUTOMATED

    machine = " (automated)" if entry.flags & AUTOMATED else ""
    return moment(entry.time), entry.type + machine, entry.source, entry.member


for command in (history, why, timers, link, unlink, erase, republish):
    group.command()(command)
group.command("list")(list_)
group.command("why-not")(why_not)
