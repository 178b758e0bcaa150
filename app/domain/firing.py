"""Timers that are due fire, one atomic step each, in the order of their dues."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from app.domain.clocks import ask_for_profile, keep_temperature
from app.domain.entry import FUNNEL, TIMER, Entry
from app.domain.evidence import outcome_of, take_evidence
from app.domain.fold import CLICK, STEP, Made, advance
from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.state import NEVER, State
from app.domain.timers import (
    CLICK_SETTLES,
    CLOCKS,
    PIN_END,
    SCORE_CROSSING,
    Timer,
    first_due,
    soonest,
)
from app.errors import RuleError

FIRED_MAX: Final = 10_000
"""In one go: more is a timer that arms itself."""
FACT: Final = "fact"


class Fired(NamedTuple):
    timer: Timer
    entry: Entry
    made: list[Made]


def fire_until(state: State, until: Microseconds, rules: Rules) -> Iterator[Fired]:
    """Fire what is due at or before `until`. After each step the state is as of its due."""
    for _ in range(FIRED_MAX):
        if state.next_due > until:
            return
        timer = first_due(state, rules.at(state.next_due))
        if timer is None or timer.due > until:
            state.next_due = NEVER if timer is None else timer.due
            return
        yield _fire(state, timer, rules.at(timer.due))
    raise RuleError(f"a timer of model {rules.ref} arms itself for ever")


def _fire(state: State, timer: Timer, rules: Rules) -> Fired:
    name = timer.name
    state.head_time = timer.due
    entry = Entry(timer.due, FUNNEL, TIMER + name, TIMER + name, 0, timer.arrived, 0, 0)
    made: list[Made] = []
    if name == CLICK_SETTLES:
        entry, made = _settle_click(state, entry, rules)
    elif name == PIN_END:
        state.pin_until = None
        made = advance(state, entry, rules.timer_moves[FACT], rules, False)
    elif name in CLOCKS:
        del state.clocks[name]
    elif name != SCORE_CROSSING:
        state.fired[name] = timer.mark
        moves = rules.timer_moves.get(entry.type)
        if moves is not None and state.stage in moves:
            made = advance(state, entry, moves, rules, False)
    if made:
        ask_for_profile(state, entry, rules, is_intent=False, has_moved=True)
    keep_temperature(state, entry, rules)
    state.next_due = soonest(state, rules)
    return Fired(timer, entry, made)


def _settle_click(state: State, entry: Entry, rules: Rules) -> tuple[Entry, list[Made]]:
    """Its evidence has the click's time, its transitions the timer's."""
    click, *others = state.clicks
    state.clicks = tuple(others)
    kind = rules.types.get(click.type)
    if click.is_spoiled or kind is None:
        return entry, []
    clicked = Entry(
        click.at, click.source, click.id, click.type, click.flags, click.arrived, 0, 0, None,
        click.channel, click.campaign_id,
    )  # fmt: skip
    outcome = outcome_of(kind, state, clicked, rules)
    take_evidence(state, clicked, outcome, rules)
    entry = msgspec.structs.replace(entry, flags=click.flags, fields={CLICK: click.id})
    moves = outcome.moves if state.stage in outcome.moves else rules.timer_moves[STEP]
    return entry, advance(state, entry, moves, rules, outcome.is_intent)
