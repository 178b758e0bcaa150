"""Timers that are due fire, one atomic step each, in the order of their dues."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from app.domain.clocks import ask_for_profile, keep_temperature
from app.domain.entry import FUNNEL, TIMER, Entry
from app.domain.evidence import outcome_of, take_evidence
from app.domain.fold import CLICK, STEP, Made, advance, move_to
from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.state import NEVER, State
from app.domain.timeline import Ruling
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
MAPPED: Final = "model_activated"
"""A model that lacks the contact's stage begins: it says where such contacts go."""


class Fired(NamedTuple):
    timer: Timer
    entry: Entry
    made: list[Made]


def fire_until(state: State, until: Microseconds, rules: Ruling) -> Iterator[Fired]:
    """Fire what is due at or before `until`. After each step the state is as of its due.

    Timers follow the model in force at their due; what a new model finds overdue fires when it
    begins.
    """
    for _ in range(FIRED_MAX):
        if state.next_due > until:
            return
        found = next_to_fire(state, rules)
        if found is None or found[0].due > until:
            state.next_due = NEVER if found is None else found[0].due
            return
        timer, in_force = found
        yield _fire(state, timer, in_force)
        state.next_due = _soonest(state, rules)
    raise RuleError("a timer arms itself for ever")


def next_to_fire(state: State, rules: Ruling) -> tuple[Timer, Rules] | None:
    """With the model that fires it."""
    for start, end, in_force in rules.spans_after(state.head_time):
        if start > state.head_time and state.stage in in_force.stage_map:
            return Timer(start, -1, MAPPED, start, start), in_force
        timer = first_due(state, in_force)
        if timer is not None and max(timer.due, start) < end:
            return timer._replace(due=max(timer.due, start)), in_force
    return None


def _soonest(state: State, rules: Ruling) -> Microseconds:
    """Under the model in force, or when the next one begins."""
    (_, end, in_force), *_ = rules.spans_after(state.head_time)
    return min(soonest(state, in_force), end)


def mind_the_next_model(state: State, rules: Ruling) -> None:
    """A step looks at the timers of its own model only."""
    (_, end, _), *_ = rules.spans_after(state.head_time)
    state.next_due = min(state.next_due, end)


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
    elif name == MAPPED:
        made = [move_to(state, entry, rules.stage_map[state.stage], rules)]
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
