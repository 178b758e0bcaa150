"""Leaving one stage and arriving in the next: what changes with it besides the stage."""

from typing import Final

from msgspec.structs import replace

from app.domain.clocks import start
from app.domain.entry import Entry
from app.domain.evidence import is_human, is_identified
from app.domain.qualification import MISMATCHES, NOT_MET, told
from app.domain.rules import Hop, Outcome, Rules, Transition
from app.domain.state import (
    CUSTOMER,
    DISQUALIFIED,
    LOST,
    NEVER,
    OPPORTUNITY,
    PROSPECT,
    Handoff,
    State,
)
from app.domain.timers import STAGE_TIMERS

_GONE_WITH_THE_STAGE: Final = (*STAGE_TIMERS, "opp_stale_warning")
UNASKED: Final = "unasked"
"""The answer of a hand-off that nobody was asked for."""


def leave(state: State, to_stage: str) -> None:
    if state.stage == OPPORTUNITY:
        if state.quotes:
            state.quotes = {}
        _end_handoff(state)
    elif state.stage == PROSPECT and to_stage != OPPORTUNITY:
        _end_handoff(state)
    if state.clocks:
        state.clocks.pop("qualification_sla", None)
    for name in _GONE_WITH_THE_STAGE if state.fired else ():
        state.fired.pop(name, None)
    state.reason = None


def _end_handoff(state: State) -> None:
    """One that was answered is not withdrawn."""
    if state.handoff is not None and state.handoff.answer in (None, UNASKED):
        state.handoff = None
    state.clocks.pop("handoff_accept", None)


def arrive(
    state: State, hop: Hop, n: int, entry: Entry, transition: Transition, rules: Rules
) -> None:
    """At `hop.to_stage`; the cycle is the one after the move."""
    stage, is_override = hop.to_stage, transition.is_override
    state.stage = stage
    state.entered_at = entry.time
    state.entered_arrived = entry.arrived_at
    state.is_placed = is_override
    if stage == OPPORTUNITY:
        state.intent = None
        if state.deadline is not None:
            state.deadline = replace(state.deadline, is_used=True)
    elif stage == CUSTOMER:
        state.is_customer = True
    elif is_override or transition.ends_customer:
        state.is_customer = False
    if stage in (LOST, DISQUALIFIED):
        state.reason = _reason(state, entry)
    if stage == DISQUALIFIED:
        state.clocks = {}
        if is_override:
            state.is_barred = True
    if not hop.inferred and _hands_over(stage, transition, rules):
        state.handoff = Handoff(
            hop.from_stage,
            stage,
            state.cycle,
            n,
            hop.transition,
            entry.time,
            UNASKED if entry.is_quiet else None,
            arrived=entry.arrived_at,
        )
        start(state, "handoff_accept", entry, rules)


def keep_handoff(state: State, entry: Entry, outcome: Outcome, rules: Rules) -> None:
    """A late cause moves the date of a hand-off; what had asked for it before that one arrived
    still has: it is open, and its clock runs from there."""
    handoff = state.handoff
    if handoff is None or handoff.answer not in (None, UNASKED):
        return
    asks = outcome.is_intent or (
        handoff.to_stage == PROSPECT and outcome.is_two_way and not outcome.is_weak
    )
    if asks and not entry.is_quiet and is_human(entry) and is_identified(entry):
        state.handoff = replace(handoff, answer=None, arrived=entry.arrived_at)
        start(state, "handoff_accept", entry, rules)
        state.next_due = min(state.next_due, state.clocks.get("handoff_accept", NEVER))


def _hands_over(stage: str, transition: Transition, rules: Rules) -> bool:
    """Sales has not been asked yet: where prospects are handed over, for those who were none."""
    asked_at = rules.terms.handoff_stage
    if stage == OPPORTUNITY and asked_at == PROSPECT:
        return transition.from_stage != PROSPECT
    return stage == asked_at


def _reason(state: State, entry: Entry) -> str | None:
    """As a person gave it, else the criterion that is not met."""
    given = (entry.fields or {}).get("reason")
    if isinstance(given, str):
        return given
    against = (name for name in MISMATCHES if told(state, name, entry.time) == NOT_MET)
    return next(against, None)
