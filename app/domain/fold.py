"""The fold: one interaction is one atomic step. Timers due, then facts and evidence, then moves.

The state is a pure function of the interactions in the order (effective time, source, id).
"""

from functools import lru_cache
from typing import Final

import msgspec

from app.domain.changes import GuardResult
from app.domain.entry import Entry
from app.domain.evidence import outcome_of, take_evidence
from app.domain.interaction import Microseconds
from app.domain.qualification import MISMATCHES, NOT_MET, told
from app.domain.rules import Outcome, Rules, Transition
from app.domain.state import (
    CUSTOMER,
    DISQUALIFIED,
    LOST,
    OPPORTUNITY,
    State,
)
from app.errors import RuleError

MOVES_MAX: Final = 6
"""In one step; more is a model that chases itself."""


class Made(msgspec.Struct, frozen=True, gc=False):
    """A move that a step made."""

    transition: str
    from_stage: str
    to_stage: str
    cycle: int
    n: int
    """How often the contact made this move before in the cycle."""
    inferred: bool
    entry: Entry
    guards: tuple[GuardResult, ...]
    evidence: tuple[str, ...]
    outcome: str
    is_customer: bool

    @property
    def effective_at(self) -> Microseconds:
        return self.entry.time


def step(state: State, entry: Entry, rules: Rules) -> list[Made]:
    """Fold one interaction into `state`; what it moved. Raises RuleError."""
    kind = rules.types.get(entry.type)
    state.head_time = entry.time
    if kind is None:
        return []
    outcome = outcome_of(kind, state, entry, rules)
    if kind.record is not None:
        kind.record(state, entry, rules)
    take_evidence(state, entry, outcome, rules)
    if state.stage in outcome.moves:
        return _advance(state, entry, outcome, rules)
    return []


def _advance(state: State, entry: Entry, outcome: Outcome, rules: Rules) -> list[Made]:
    """Transitions until none is enabled, none twice."""
    made: list[Made] = []
    taken: list[str] = []
    moves = outcome.moves
    while True:
        for transition in moves.get(state.stage, ()):
            if transition.id not in taken:
                for check in transition.checks:
                    if not check(state, entry, rules):
                        break
                else:
                    break
        else:
            return made
        if len(made) + len(transition.hops) > MOVES_MAX:
            raise RuleError(
                f"more than {MOVES_MAX} moves in one step of model {rules.ref}"
                f" (at {transition.id} from {state.stage}, type {entry.type}): let its"
                " transitions exclude each other"
            )
        taken.append(transition.id)
        made += _move(state, entry, transition, rules)


def _move(state: State, entry: Entry, transition: Transition, rules: Rules) -> list[Made]:
    """One transition, with every stage it passes recorded."""
    results, evidence = [], [entry.id]
    for tell in transition.tells:
        observed, rests_on = tell.observe(state, entry.time, rules)
        results.append(_passed(tell.guard, observed, tell.required))
        for each in rests_on:
            if each not in evidence:
                evidence.append(each)
    made = []
    proofs, proven_by = tuple(results), tuple(evidence)
    for hop in transition.hops:
        move = f"{hop.from_stage}>{hop.to_stage}"
        n = state.moves.get(move, 0)
        state.moves[move] = n + 1
        _leave(state)
        _enter(state, hop.to_stage, entry, transition.is_override)
        made.append(
            Made(
                hop.transition,
                hop.from_stage,
                hop.to_stage,
                state.cycle,
                n,
                hop.inferred,
                entry,
                () if hop.inferred else proofs,
                (entry.id,) if hop.inferred else proven_by,
                transition.outcome,
                state.is_customer,
            )
        )
    return made


@lru_cache(maxsize=4096)
def _passed(guard: str, observed: str, required: str) -> GuardResult:
    """Shared: encoders know the ones they have seen by their hash."""
    return GuardResult(guard, True, observed, required)


def _leave(state: State) -> None:
    if state.quotes and state.stage == OPPORTUNITY:
        state.quotes.clear()
    state.reason = None


def _enter(state: State, stage: str, entry: Entry, is_override: bool) -> None:
    state.stage = stage
    state.entered_at = entry.time
    if stage == OPPORTUNITY:
        state.intent = None
        if state.deadline is not None:
            state.deadline = msgspec.structs.replace(state.deadline, is_used=True)
    elif stage == CUSTOMER:
        state.is_customer = True
    elif is_override:
        state.is_customer = False
    if stage in (LOST, DISQUALIFIED):
        state.reason = _reason(state, entry)
        if is_override and stage == DISQUALIFIED:
            state.is_barred = True


def _reason(state: State, entry: Entry) -> str | None:
    """As a person gave it, else the criterion that is not met."""
    given = (entry.fields or {}).get("reason")
    if isinstance(given, str):
        return given
    against = (name for name in MISMATCHES if told(state, name, entry.time) == NOT_MET)
    return next(against, None)
