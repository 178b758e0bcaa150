"""`funnel contact why`: the decisions that led here, and what would lead on."""

from typing import TYPE_CHECKING

from app.cli import printing
from app.cli.history import plain
from app.cli.known import Key, Known, Tenant, known_of

if TYPE_CHECKING:
    from app.domain.explanation import Explanation


def why(key: Key, tenant: Tenant = "default", as_json: printing.Json = False) -> None:
    """How the contact came to its stage: guards, what was observed, the evidence; and what next."""
    from app.cli.explaining import told_change, told_way
    from app.domain.bitemporal import standing

    known = known_of(key, tenant)
    decisions = standing(known.history)
    ahead = _ways_out(known)
    if as_json:
        printing.json(
            {
                "stage": known.view.stage,
                "decisions": [plain(stored) for stored in decisions],
                "ways_out": ahead,
            }
        )
        return
    by_id = {entry.id: entry for entry in reversed(known.interactions)}
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


def _ways_out(known: Known) -> "list[Explanation]":
    from app.domain.decide import explain

    return explain(known.contact, known.rules, known.at)
