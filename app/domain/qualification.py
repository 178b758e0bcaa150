"""Three-level qualification from facts: met, not_met or unknown, never assumed."""

from typing import Final

from app.domain.interaction import Microseconds
from app.domain.state import Fact, Scalar, State

MET: Final = "met"
NOT_MET: Final = "not_met"
UNKNOWN: Final = "unknown"

LEVELS: Final = {
    "organisation": ("industry", "need"),
    "opportunity": ("can_use", "wants"),
    "stakeholder": ("authority",),
}
MISMATCHES: Final = ("industry", "need", "fit")
"""Not met, any of these disqualifies."""
TRIAD: Final = ("pain", "interest", "fit")
BLOCKERS: Final = ("industry", "need", "can_use", "wants", "authority", "budget")
"""Not met, any of these keeps the contact where it is: the three levels, and the budget."""

_MEANS: Final[dict[Scalar, str]] = {
    MET: MET,
    NOT_MET: NOT_MET,
    "decision_maker": MET,
    "influencer": MET,
    "none": NOT_MET,
}


def fact(state: State, criterion: str, at: Microseconds) -> Fact | None:
    """The last fact of a criterion, unless it has expired: no older one returns."""
    found = state.facts.get(criterion)
    if found is None or (found.valid_until is not None and at > found.valid_until):
        return None
    return found


def told(state: State, criterion: str, at: Microseconds) -> str:
    """met, not_met or unknown."""
    found = state.facts.get(criterion)
    if found is None or (found.valid_until is not None and at > found.valid_until):
        return UNKNOWN
    return _MEANS.get(found.value, UNKNOWN)


def standing_of(state: State, at: Microseconds) -> dict[str, str]:
    """Criterion -> met, not_met or unknown, of every fact that has not expired."""
    return {
        criterion: _MEANS.get(found.value, UNKNOWN)
        for criterion, found in state.facts.items()
        if found.valid_until is None or at <= found.valid_until
    }


def level_of(standing: dict[str, str], name: str) -> str:
    """not_met if any of its criteria is, met if all are, else unknown."""
    result = MET
    for criterion in LEVELS[name]:
        value = standing.get(criterion)
        if value is NOT_MET:
            return NOT_MET
        if value is not MET:
            result = UNKNOWN
    return result


def is_any_not_met(state: State, criteria: frozenset[str], at: Microseconds) -> bool:
    """By a fact that has not expired."""
    for criterion, found in state.facts.items():
        if (
            criterion in criteria
            and _MEANS.get(found.value) is NOT_MET
            and (found.valid_until is None or at <= found.valid_until)
        ):
            return True
    return False
