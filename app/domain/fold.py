"""The fold: one interaction, or one timer, is one atomic step. Facts and evidence, then moves.

The state is a pure function of the interactions in the order (effective time, source, id) and of
the time asked about, up to which timers fire (firing.py).
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from app.domain.arrival import arrive, keep_handoff, leave
from app.domain.changes import GuardResult
from app.domain.clocks import ask_for_profile, keep_temperature, nurture
from app.domain.entry import RETRACTED, Entry
from app.domain.evidence import await_settling, outcome_of, take_evidence
from app.domain.interaction import Microseconds
from app.domain.rules import Hop, Rules, Transition
from app.domain.state import State
from app.domain.temperature import COLD
from app.domain.timers import soonest
from app.errors import RuleError

MOVES_MAX: Final = 6
"""In one step; more is a model that chases itself."""
CLICK: Final = "click"
"""The field of a timer's entry that names the click it settled."""
STEP: Final = "step"
"""The trigger that every step pulls."""

Moves = Mapping[str, tuple[Transition, ...]]
"""Per stage, what may be set off, in the order in which to try."""


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
    model: str
    """name@version of the rules that decided it."""

    @property
    def effective_at(self) -> Microseconds:
        return self.entry.time


def step(state: State, entry: Entry, rules: Rules) -> list[Made]:
    """Fold one interaction into `state`; what it moved. Raises RuleError."""
    kind = rules.types.get(entry.type)
    state.head_time = entry.time
    if kind is None or entry.flags & RETRACTED:
        return []
    outcome = kind.outcomes[0]
    if outcome.when is not None:
        outcome = outcome_of(kind, state, entry, rules)
    if kind.record is not None:
        kind.record(state, entry, rules)
    if kind.settles:
        await_settling(state, entry, rules)
        moves, is_intent = rules.timer_moves[STEP], False
    else:
        take_evidence(state, entry, outcome, rules)
        if state.handoff is not None and entry.arrived_at < state.handoff.arrived:
            keep_handoff(state, entry, outcome, rules)
        moves, is_intent = outcome.moves, outcome.is_intent
    made = advance(state, entry, moves, rules, is_intent) if state.stage in moves else []
    if rules.terms.is_shadow:
        if made or kind.arms or state.fired:
            state.next_due = soonest(state, rules)
        return made
    if made or is_intent:
        ask_for_profile(state, entry, rules, is_intent=is_intent, has_moved=bool(made))
    is_warmer = outcome.points > 0 and state.temperature != COLD
    is_sooner = kind.arms or is_intent or is_warmer or state.fired
    if keep_temperature(state, entry, rules) or made or is_sooner:
        # Warmer: the engagement falls below a higher mark now, and that is sooner. And what has
        # gone off is armed again by an activity.
        state.next_due = soonest(state, rules)
    return made


def advance(state: State, entry: Entry, moves: Moves, rules: Rules, is_intent: bool) -> list[Made]:
    """Transitions until none is enabled, none twice."""
    made: list[Made] = []
    taken: list[str] = []
    track: str | None = None
    while True:
        is_pinned = state.pin_until is not None
        for transition in moves.get(state.stage, ()):
            if not taken or transition.id not in taken:
                if is_pinned and entry.type not in transition.breaks_pin:
                    continue
                for check in transition.checks:
                    if not check(state, entry, rules):
                        break
                else:
                    break
        else:
            if made:
                nurture(state, track)
            return made
        if len(made) + len(transition.hops) > MOVES_MAX:
            raise RuleError(
                f"more than {MOVES_MAX} moves in one step of model {rules.ref}"
                f" (at {transition.id} from {state.stage}, type {entry.type}): let its"
                " transitions exclude each other"
            )
        taken.append(transition.id)
        track = transition.nurture or track
        made += _move(state, entry, transition, rules, is_intent)


def _move(
    state: State, entry: Entry, transition: Transition, rules: Rules, is_intent: bool
) -> list[Made]:
    """One transition, with every stage it passes recorded."""
    proofs, proven_by = _proofs(state, entry, transition, rules)
    made = []
    for hop in transition.hops:
        if _starts_cycle(hop, transition, is_intent):
            _begin_cycle(state)
        move = f"{hop.from_stage}>{hop.to_stage}"
        n = state.moves.get(move, 0)
        state.moves[move] = n + 1
        leave(state, hop.to_stage)
        arrive(state, hop, n, entry, transition, rules)
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
                proven_by[:1] if hop.inferred else proven_by,
                transition.outcome,
                state.is_customer,
                rules.ref,
            )
        )
    if state.pin_until is not None and not transition.is_override:
        state.pin_until = None
    return made


def move_to(state: State, entry: Entry, stage: str, rules: Rules) -> Made:
    """As by an override without a pin: what a model asks for that lacks the contact's stage."""
    hop = Hop("T17", state.stage, stage, inferred=False)
    transition = Transition(
        "T17", state.stage, stage, (), (), (), (), 0, (hop,), "overridden", is_override=True
    )
    return _move(state, entry, transition, rules, False)[0]


def _proofs(
    state: State, entry: Entry, transition: Transition, rules: Rules
) -> tuple[tuple[GuardResult, ...], tuple[str, ...]]:
    """What the guards saw, and the interactions it rests on, the step's own first."""
    results: list[GuardResult] = []
    evidence = _rests_on(entry)
    for tell in transition.tells:
        observed, rests_on = tell.observe(state, entry.time, rules)
        results.append(_passed(tell.guard, observed, tell.required))
        for each in rests_on:
            if each not in evidence:
                evidence.append(each)
    return tuple(results), tuple(evidence)


def _rests_on(entry: Entry) -> list[str]:
    """A timer is no evidence; what it stood for may be."""
    if not entry.is_timer:
        return [entry.id]
    return [str(entry.fields[CLICK])] if entry.fields is not None else []


@lru_cache(maxsize=4096)
def _passed(guard: str, observed: str, required: str) -> GuardResult:
    """Shared: encoders know the ones they have seen by their hash."""
    return GuardResult(guard, True, observed, required)


def _starts_cycle(hop: Hop, transition: Transition, is_intent: bool) -> bool:
    if hop.inferred:
        return hop.starts_cycle and not transition.is_override
    return transition.cycle == "next" or (transition.cycle == "next_on_intent" and is_intent)


def _begin_cycle(state: State) -> None:
    """A used deadline stays behind; an unused one is carried along."""
    state.cycle += 1
    state.moves = {}
    if state.deadline is not None and state.deadline.is_used:
        state.deadline = msgspec.structs.replace(state.deadline, is_cancelled=True)
