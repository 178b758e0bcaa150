"""What a contact's state rests on: facts, deals, consent, and what the scores are made of."""

from typing import TYPE_CHECKING, Any

import msgspec

from app.cli import printing

if TYPE_CHECKING:
    from app.cli.known import Known

FACTS = ("criterion", "value", "since", "until", "said by", "confidence", "evidence")


def tell_standing(known: "Known") -> None:
    """Tables of what is known; none where nothing is."""
    from app.cli.explaining import moment

    told = standing_of(known)
    facts = known.contact.fold.facts
    if facts:
        rows = [
            (
                name,
                fact["value"] if fact["counts"] else f"{fact['value']}, expired",
                moment(facts[name].at),
                fact["valid_until"],
                fact["actor"],
                fact["confidence"],
                fact["evidence"],
            )
            for name, fact in told["facts"].items()
        ]
        printing.table(FACTS, rows, title="facts")
    parts = [
        *(("fit", name.replace("_", " "), points) for name, points in told["fit_parts"].items()),
        *(("engagement", name, points) for name, points in told["engagement_parts"].items()),
    ]
    if parts:
        printing.table(("score", "part", "points"), parts, title="what the scores are made of")


def standing_of(known: "Known") -> dict[str, Any]:
    """The same for machines; scores in points."""
    from app.domain.qualification import fact as counting
    from app.domain.qualification import standing_of as standing
    from app.domain.scoring import engagement_parts, fit_parts
    from app.domain.timestamps import format_rfc3339

    state, at = known.contact.fold, max(known.at, known.contact.fold.head_time)
    facts = {
        name: {
            "value": fact.value,
            "counts": counting(state, name, at) is not None,
            "since": format_rfc3339(fact.at),
            "valid_until": None if fact.valid_until is None else format_rfc3339(fact.valid_until),
            "actor": fact.actor,
            "confidence": fact.confidence,
            "evidence": fact.id,
        }
        for name, fact in sorted(state.facts.items())
    }
    fades = engagement_parts(state, at)
    return {
        "facts": facts,
        "fit_parts": fit_parts(state, standing(state, at), known.rules),
        "engagement_parts": {
            f"halved in {seconds / 86_400:g} d": points / 1000 for seconds, points in fades.items()
        },
        "open_deals": {
            name: msgspec.structs.asdict(deal) for name, deal in sorted(state.open_deals.items())
        },
        "opted_out": sorted(state.opted_out),
    }
