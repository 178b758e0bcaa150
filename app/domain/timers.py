"""Timers: a consequence of the log, never an input of their own. Which are armed, and when due.

A due is computed from the state, so a timer needs no record of being armed; `State.fired` keeps
the due that has gone off, so that the same does not come twice.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.state import (
    CUSTOMER,
    LEAD,
    LOST,
    NEVER,
    NONE,
    OPPORTUNITY,
    PROSPECT,
    Deadline,
    State,
    Term,
)
from app.domain.temperature import next_crossing

CLICK_SETTLES: Final = "click_settles"
PIN_END: Final = "pin_end"
SCORE_CROSSING: Final = "score_crossing"
CLOCKS: Final = ("qualification_sla", "hot_followup", "warm_followup", "handoff_accept")
"""Service-level clocks: they run in business hours, from the arrival of what started them."""
STAGE_TIMERS: Final = (
    "opp_stale", "deadline_grace", "prospect_idle", "lead_dormant", "lost_cooldown",
)  # fmt: skip
"""Those with a transition: a pin holds them up."""
EFFECTS: Final = {
    CLICK_SETTLES: "the click counts",
    PIN_END: "guards and timers move the contact again",
    "qualification_sla": "sla breached",
    "hot_followup": "sla breached",
    "warm_followup": "sla breached",
    "handoff_accept": "sla breached",
    "opp_stale_warning": "sla breached",
    "opp_stale": "recycled",
    "deadline_near": "deadline near",
    "deadline_grace": "recycled",
    "trial_ending": "trial ending",
    "quote_expiring": "quote expiring",
    "prospect_idle": "recycled",
    "lead_dormant": "recycled",
    "lost_cooldown": "recycled",
    SCORE_CROSSING: "temperature",
    "retention_due": "retention due",
}
"""Every timer and what it does; of equal dues the first here fires first."""
ORDER: Final = {name: n for n, name in enumerate(EFFECTS)}
WARNINGS: Final = {
    "opp_stale_warning": "sla_breached",
    "deadline_near": "deadline_near",
    "trial_ending": "trial_ending",
    "quote_expiring": "quote_expiring",
    "retention_due": "retention_due",
    **dict.fromkeys(CLOCKS, "sla_breached"),
}
"""Timers that only tell, and the kind of signal."""
_RECYCLED_BY: Final = {PROSPECT: "prospect_idle", LEAD: "lead_dormant"}


class Timer(NamedTuple):
    due: Microseconds
    order: int
    name: str
    arrived: Microseconds
    """When the interaction that armed it arrived."""
    mark: Microseconds
    """The due as computed; `due` is never before the fold's head."""


class TimerDue(NamedTuple):
    """A timer for people."""

    name: str
    due: Microseconds
    effect: str


def timers_of(state: State, rules: Rules) -> list[TimerDue]:
    """What is armed, soonest first."""
    armed = _armed(state, rules)
    crossing = next_crossing(state, rules, is_exact=True)
    if crossing < NEVER:
        armed.append(_crossing(state, crossing))
    return [TimerDue(each.name, each.due, EFFECTS[each.name]) for each in sorted(armed)]


def first_due(state: State, rules: Rules) -> Timer | None:
    """The next timer to fire."""
    first = min(_armed(state, rules), default=None)
    # The exact moment costs much more than one before it.
    crossing = next_crossing(state, rules, is_exact=False)
    if crossing >= NEVER or (first is not None and first.due < crossing):
        return first
    timer = _crossing(state, next_crossing(state, rules, is_exact=True))
    return timer if first is None else min(first, timer)


def soonest(state: State, rules: Rules) -> Microseconds:
    """A moment no later than the next due; cheap."""
    soonest = next_crossing(state, rules, is_exact=False)
    fired, head = state.fired, state.head_time
    for name, due, _ in _dues(state, rules):
        if due < soonest and (not fired or fired.get(name) != due):
            soonest = due
    return soonest if soonest > head else head


def _armed(state: State, rules: Rules) -> list[Timer]:
    """In no given order, the temperature's left out. A due is never before the fold's head."""
    fired, head = state.fired, state.head_time
    return [
        Timer(max(due, head), ORDER[name], name, arrived, due)
        for name, due, arrived in _dues(state, rules)
        if due < NEVER and fired.get(name) != due
    ]


def _crossing(state: State, due: Microseconds) -> Timer:
    return Timer(due, ORDER[SCORE_CROSSING], SCORE_CROSSING, state.active_arrived, due)


Spans = Mapping[str, Microseconds]
Due = tuple[str, Microseconds, Microseconds]
"""(name, due, arrival of what armed it)"""


def _dues(state: State, rules: Rules) -> list[Due]:
    terms = rules.terms.terms
    dues: list[Due] = []
    if state.clicks:
        click = state.clicks[0]
        dues.append((CLICK_SETTLES, click.at + terms.get(CLICK_SETTLES, NEVER), click.arrived))
    if state.stage == NONE or not terms:
        return dues
    if state.pin_until is not None:
        dues.append((PIN_END, state.pin_until, state.entered_arrived))
    for name, due in state.clocks.items():
        dues.append((name, due, due))
    _of_stage(state, terms, dues)
    if state.deadline is not None and not state.deadline.is_cancelled:
        dues += _of_deadline(state, state.deadline, terms)
    if state.trial is not None or state.quotes:
        dues += _of_terms(state, terms)
    if "retention_due" in terms:
        last = _active_at(state) or state.entered_at
        dues.append(("retention_due", last + terms["retention_due"], state.active_arrived))
    return dues


def _of_stage(state: State, terms: Spans, dues: list[Due]) -> None:
    """From the later of their activity and the entry into the stage; a pin holds them up."""
    stage, pinned = state.stage, state.pin_until or 0
    entered, arrived = state.entered_at, state.entered_arrived
    name = _RECYCLED_BY.get(stage)
    if name is not None:  # most contacts: no calls
        if name in terms:
            active, active_arrived = state.last_inbound, state.active_arrived
            due = (entered if active is None or entered > active else active) + terms[name]
            arrived = active_arrived if active_arrived > arrived else arrived
            dues.append((name, due if due > pinned else pinned, arrived))
    elif stage == OPPORTUNITY:
        base = max(entered, _active_at(state))
        arrived = max(arrived, state.active_arrived)
        if "opp_stale_warning" in terms:
            dues.append(("opp_stale_warning", base + terms["opp_stale_warning"], arrived))
        if "opp_stale" in terms:
            due = _after_quotes(state, base + terms["opp_stale"])
            dues.append(("opp_stale", max(due, pinned), arrived))
    elif (
        stage == LOST and "lost_cooldown" in terms and (state.reason != "no_fit" or state.is_placed)
    ):
        is_rival = state.reason == "competitor" and not state.is_placed
        term = terms.get("lost_cooldown_competitor") if is_rival else None
        due = entered + (terms["lost_cooldown"] if term is None else term)
        dues.append(("lost_cooldown", max(due, pinned), arrived))


def _of_deadline(state: State, deadline: Deadline, terms: Spans) -> Iterator[Due]:
    if "deadline_near" in terms and state.stage != CUSTOMER:
        yield (
            "deadline_near",
            max(deadline.due - terms["deadline_near"], deadline.at),
            deadline.arrived,
        )
    if state.stage == OPPORTUNITY and "deadline_grace" in terms:
        due = max(deadline.due, state.entered_at) + terms["deadline_grace"]
        arrived = max(deadline.arrived, state.entered_arrived)
        yield "deadline_grace", max(_after_quotes(state, due), state.pin_until or 0), arrived


def _of_terms(state: State, terms: Spans) -> Iterator[Due]:
    """Of the trial, and of the open quote that expires first and was not warned of."""
    if state.trial is not None and "trial_ending" in terms:
        yield "trial_ending", _before(state.trial, terms["trial_ending"]), state.trial.arrived
    if state.quotes and "quote_expiring" in terms:
        warned = state.fired.get("quote_expiring", -1)
        ahead = [
            (_before(quote, terms["quote_expiring"]), quote) for quote in state.quotes.values()
        ]
        later = [each for each in ahead if each[0] > warned]
        if later:
            due, quote = min(later, key=lambda each: each[0])
            yield "quote_expiring", due, quote.arrived


def _before(term: Term, ahead: Microseconds) -> Microseconds:
    """So long before the end, but not before it was said."""
    return max(term.until - ahead, term.at)


def _after_quotes(state: State, due: Microseconds) -> Microseconds:
    """An open quote keeps the opportunity: the timer is due again when the last one ends."""
    while state.quotes:
        open_until = max((q.until for q in state.quotes.values() if q.until >= due), default=None)
        if open_until is None:
            return due
        due = open_until + 1
    return due


def _active_at(state: State) -> Microseconds:
    return max(state.last_inbound or 0, state.last_sales)
