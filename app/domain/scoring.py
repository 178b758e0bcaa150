"""Scores are formulas of (evidence, time): integer thousandths, rounded once."""

from math import exp2

from app.domain.entry import KNOWN, UNWANTED_DOMAIN
from app.domain.interaction import Microseconds
from app.domain.qualification import MET, fact, told
from app.domain.rules import Rules
from app.domain.state import State

SCORE_MAX = 100
HOT, WARM, COLD = "hot", "warm", "cold"
_NAMED = KNOWN["name"] | KNOWN["company"]


def engagement(state: State, at: Microseconds) -> int:
    """0 to 100,000: points × 0.5^(age / half-life), summed, capped."""
    total = 0.0
    for half_life, (value, since) in state.points.items():
        total += value * exp2((since - at) / (half_life * 1e6))
    return round(min(total, SCORE_MAX) * 1000)


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


def temperature(state: State, at: Microseconds, rules: Rules, engaged: int | None = None) -> str:
    """Orders work, never moves a stage. `engaged` is the engagement, where it is known."""
    terms = rules.terms
    if state.last_inbound is None and state.is_outbound:
        return COLD
    if engaged is None:
        engaged = _at_most(state, at, min(terms.warm_engagement, terms.hot_engagement))
    deadline = state.deadline
    if (
        (state.last_intent is not None and at - state.last_intent <= terms.hot_intent)
        or (deadline is not None and 0 < deadline.due - at <= terms.hot_deadline)
        or engaged >= terms.hot_engagement * 1000
    ):
        is_ahead = deadline is not None and deadline.due > at
        return WARM if not is_ahead and state.facts and _is_old_habit(state, at, rules) else HOT
    if engaged >= terms.warm_engagement * 1000:
        return WARM
    if (
        state.facts
        and state.last_inbound is not None
        and at - state.last_inbound <= terms.warm_inbound
        and told(state, "need", at) == MET
    ):
        return WARM
    return COLD


def _at_most(state: State, at: Microseconds, points: float) -> int:
    """The engagement; 0 if it is below `points` even undecayed, which needs no exponents."""
    total = 0.0
    for value, _ in state.points.values():
        total += value
    return engagement(state, at) if total >= points else 0


def _is_old_habit(state: State, at: Microseconds, rules: Rules) -> bool:
    """A problem known for years is a habit, not urgent."""
    since = fact(state, "problem_since", at)
    began = rules.instant(since.value) if since is not None else None
    return began is not None and at - began > rules.terms.old_habit
