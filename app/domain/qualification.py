"""Three-level qualification from facts: met, not_met or unknown, never assumed."""

from typing import Final

from app.domain.interaction import Microseconds
from app.domain.state import Fact, State

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

_MEANS: Final = {
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
    found = fact(state, criterion, at)
    if found is None or type(found.value) is not str:
        return UNKNOWN
    return _MEANS.get(found.value, UNKNOWN)


def level(state: State, name: str, at: Microseconds) -> str:
    """not_met if any of its criteria is, met if all are, else unknown."""
    if not state.facts:
        return UNKNOWN
    values = [told(state, criterion, at) for criterion in LEVELS[name]]
    if NOT_MET in values:
        return NOT_MET
    return UNKNOWN if UNKNOWN in values else MET


def is_any_not_met(state: State, criteria: tuple[str, ...], at: Microseconds) -> bool:
    if not state.facts:
        return False
    return any(told(state, criterion, at) == NOT_MET for criterion in criteria)
