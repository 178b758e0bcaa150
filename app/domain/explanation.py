"""Why not: every way out of a stage, with its guards as they are at a moment."""

from typing import Final

import msgspec

from app.domain.changes import GuardResult
from app.domain.guards import guard_named
from app.domain.interaction import Microseconds
from app.domain.rules import Rules, Tell, Transition
from app.domain.state import State

UNKNOWABLE: Final = "depends on the interaction"
"""What is observed where only the interaction itself can tell."""


class Explanation(msgspec.Struct, frozen=True, gc=False):
    """One way out of the stage. A guard on the interaction itself is never passed yet."""

    transition: str
    from_stage: str
    to_stage: str
    on: tuple[str, ...]
    guards: tuple[GuardResult, ...]


def ways_out(state: State, at: Microseconds, rules: Rules) -> list[Explanation]:
    """The order is that in which they are tried."""
    return [
        told_now(transition, state, at, rules)
        for transition in rules.transitions
        if transition.from_stage == state.stage
    ]


def told_now(transition: Transition, state: State, at: Microseconds, rules: Rules) -> Explanation:
    """A transition with its guards by a state, also of a stage that the contact is not in."""
    return Explanation(
        transition.id,
        transition.from_stage,
        transition.to_stage,
        transition.on,
        tuple(_now(tell, state, at, rules) for tell in transition.tells),
    )


def _now(tell: Tell, state: State, at: Microseconds, rules: Rules) -> GuardResult:
    guard = guard_named(tell.guard)
    if guard.holds is None:
        return GuardResult(tell.guard, False, UNKNOWABLE, tell.required)
    observed, _ = tell.observe(state, at, rules)
    return GuardResult(tell.guard, guard.holds(state, at, rules), observed, tell.required)
