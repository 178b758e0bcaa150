"""Scores are formulas of (evidence, time): integer thousandths, rounded once."""

from math import exp2

from app.domain.entry import KNOWN, UNWANTED_DOMAIN
from app.domain.interaction import Microseconds
from app.domain.qualification import MET
from app.domain.rules import Rules
from app.domain.state import State

SCORE_MAX = 100
_NAMED = KNOWN["name"] | KNOWN["company"]


def engagement(state: State, at: Microseconds) -> int:
    """0 to 100,000: points × 0.5^(age / half-life), summed, capped."""
    total = 0.0
    for half_life, (value, since) in state.points.items():
        total += value * exp2((since - at) / (half_life * 1e6))
    return round(min(total, SCORE_MAX) * 1000)


def engagement_parts(state: State, at: Microseconds) -> dict[int, int]:
    """Half-life in seconds -> what is left, in thousandths, of all that fades with it."""
    return {
        half_life: round(value * exp2((since - at) / (half_life * 1e6)) * 1000)
        for half_life, (value, since) in sorted(state.points.items())
    }


def fit_parts(state: State, standing: dict[str, str], rules: Rules) -> dict[str, int]:
    """What each known thing adds to the fit, in points. `standing`: see `standing_of`."""
    weights = rules.terms.fit
    parts: dict[str, int] = {}
    for criterion, means in standing.items():
        value = state.facts[criterion].value
        if criterion == "authority":
            if value in ("decision_maker", "influencer"):
                parts[str(value)] = weights[str(value)]
        elif criterion == "company_size":
            low, high = rules.terms.company_size
            if isinstance(value, int | float) and low <= value <= high:
                parts["company_size"] = weights["company_size"]
        elif means is MET and criterion in ("industry", "need", "budget"):
            parts[criterion] = weights[criterion]
    if state.known & _NAMED == _NAMED:
        parts["name_and_company"] = weights["name_and_company"]
    if state.known & UNWANTED_DOMAIN:
        parts["unwanted_domain"] = weights["unwanted_domain"]
    return parts


def fit(state: State, standing: dict[str, str], rules: Rules) -> int:
    """0 to 100,000."""
    if not standing and not state.known:
        return 0
    total = sum(fit_parts(state, standing, rules).values())
    return max(0, min(total, SCORE_MAX)) * 1000
