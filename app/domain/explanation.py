"""Why and why not: guards with what was observed and what is required."""

import msgspec

from app.domain.changes import GuardResult
from app.domain.guards import GUARDS, Guard, asks_for
from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.state import State

ASKS = "asks"
"""The guard of an override: ``asks:<stage>``."""


class Explanation(msgspec.Struct, frozen=True, gc=False):
    """One way out of the stage. A guard on the interaction itself is never passed yet."""

    transition: str
    from_stage: str
    to_stage: str
    on: tuple[str, ...]
    guards: tuple[GuardResult, ...]


def guard_named(name: str) -> Guard | None:
    """None if there is no such guard."""
    kind, _, stage = name.partition(":")
    return asks_for(stage) if kind == ASKS and stage else GUARDS.get(name)


def guard_result(
    name: str, state: State, at: Microseconds, rules: Rules
) -> tuple[GuardResult, tuple[str, ...]]:
    """Of a guard that passed, and the ids of the interactions it rests on."""
    guard = _GUARDS[name] if name in _GUARDS else _GUARDS.setdefault(name, _known(name))
    observed, required, evidence = guard.tell(state, at, rules)
    return GuardResult(name, True, observed, required), evidence


def ways_out(state: State, at: Microseconds, rules: Rules) -> list[Explanation]:
    """Every transition out of the stage with its guards as they are at that time."""
    return [
        Explanation(
            transition.id,
            transition.from_stage,
            transition.to_stage,
            transition.on,
            tuple(_now(name, state, at, rules) for name in transition.guards),
        )
        for transition in rules.transitions
        if transition.from_stage == state.stage
    ]


def _now(name: str, state: State, at: Microseconds, rules: Rules) -> GuardResult:
    guard = _known(name)
    if guard.holds is None:
        required = guard.tell(state, at, rules).required
        return GuardResult(name, False, "depends on the interaction", required)
    observed, required, _ = guard.tell(state, at, rules)
    return GuardResult(name, guard.holds(state, at, rules), observed, required)


def _known(name: str) -> Guard:
    guard = guard_named(name)
    assert guard is not None, "compile_model refuses unknown guards"
    return guard


_GUARDS: dict[str, Guard] = {}
