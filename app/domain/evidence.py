"""Then evidence: what an interaction proves about the contact, and the points it earns."""

from math import exp2
from typing import Final

from msgspec.structs import replace

from app.domain.calendar import SECOND
from app.domain.entry import (
    ACCOUNT,
    AUTOMATED,
    KNOWN,
    MAILED,
    NOBODY,
    ROLE_MAILBOX,
    UNWANTED_DOMAIN,
    Entry,
)
from app.domain.rules import InteractionType, Outcome, Rules, When
from app.domain.state import CLICKS_MAX, OPPORTUNITY, Click, Deadline, Seen, State

AT_ONCE: Final = SECOND
DELIVERY: Final = 10 * SECOND
_FLAGS = UNWANTED_DOMAIN | sum(KNOWN.values())


def is_human(entry: Entry) -> bool:
    """Not automated and not an auto-reply."""
    return not entry.flags & AUTOMATED and not (
        entry.fields is not None and entry.fields.get("is_auto_reply")
    )


def is_identified(entry: Entry) -> bool:
    """Neither the contact's key nor an address in the data is a role mailbox."""
    return not entry.flags & ROLE_MAILBOX


def outcome_of(kind: InteractionType, state: State, entry: Entry, rules: Rules) -> Outcome:
    """What the interaction means, by its data and what was known before it."""
    for outcome in kind.outcomes:
        if outcome.when is None or _holds(outcome.when, state, entry, rules):
            return outcome
    raise AssertionError("the last outcome has no condition")


def _holds(when: When, state: State, entry: Entry, rules: Rules) -> bool:
    fields = entry.fields or {}
    for name, allowed in when.fields:
        value = fields.get(name)
        if not (bool(value) if allowed == (True,) else value in allowed):
            return False
    if when.is_returning and (
        state.first_inbound_day is None or rules.day(entry.time) <= state.first_inbound_day
    ):
        return False
    if when.passed is not None:
        due = rules.instant(fields.get(when.passed))
        return due is not None and due <= entry.time
    return True


def take_evidence(state: State, entry: Entry, outcome: Outcome, rules: Rules) -> None:
    """Only what a human and identified contact did is evidence of a person."""
    flags = entry.flags
    if flags & _FLAGS:
        state.known |= flags & _FLAGS
    if flags & MAILED and entry.fields is not None and ACCOUNT in entry.fields:
        state.mailed_account = str(entry.fields[ACCOUNT])
    if outcome.is_sales:
        _note_sales(state, entry)
    if not outcome.is_inbound:
        if "outbound" in outcome.classes:
            if state.first_inbound_day is None:
                state.is_outbound = True
            if entry.channel is not None or entry.campaign_id is not None:
                _touch(state, entry)
        return
    if flags & NOBODY or (entry.fields is not None and not is_human(entry)):
        if flags & ROLE_MAILBOX and is_human(entry):
            state.known |= ROLE_MAILBOX  # evidence of the account, never of a person
        return
    time = entry.time
    day = rules.day(time)
    if state.first_inbound_day is None:
        state.first_inbound_day = day
    # A click settles after others that came later.
    if state.last_inbound is None or time > state.last_inbound:
        state.last_inbound = time
    if entry.arrived_at > state.active_arrived:
        state.active_arrived = entry.arrived_at
    if entry.channel is not None or entry.campaign_id is not None:
        _touch(state, entry)
    if outcome.points:
        _score(state, entry, outcome, day)
    if outcome.is_two_way or outcome.is_intent:
        seen = Seen(time, entry.id, entry.type, day)
        if not outcome.is_weak:
            state.strong = seen
        else:
            _note_weak(state, seen)
        if outcome.is_intent:
            state.last_intent = time
            if state.deadline is not None and not state.deadline.is_cancelled:
                state.deadline = replace(state.deadline, is_cancelled=True)
            if state.stage != OPPORTUNITY:
                state.intent = seen
    if entry.fields is not None and "deadline" in entry.fields:
        _state_deadline(state, entry, rules)


def _note_weak(state: State, seen: Seen) -> None:
    """The last one, and the last one of an earlier day; a click may settle after a later one."""
    last = state.weak
    if last is None or seen.at >= last.at:
        if last is not None and last.day != seen.day:
            state.weak_before = last
        state.weak = seen
    elif seen.day != last.day:
        state.weak_before = seen


def _touch(state: State, entry: Entry) -> None:
    state.last_touch = (entry.channel, entry.campaign_id)
    if state.first_touch is None:
        state.first_touch = state.last_touch


def _score(state: State, entry: Entry, outcome: Outcome, day: int) -> None:
    """Sum of points × 0.5^(age / half-life); of a capped type the earliest of a day count."""
    earned = outcome.points
    if outcome.cap_per_day is not None:
        last_day, had = state.caps.get(entry.type, (day, 0.0))
        if last_day != day:
            had = 0.0
        earned = min(earned, outcome.cap_per_day - had)
        if earned <= 0:
            return
        state.caps[entry.type] = (day, had + earned)
    half_life = outcome.half_life_seconds
    before = state.points.get(half_life)
    if before is not None:
        earned += before[0] * exp2((before[1] - entry.time) / (half_life * 1e6))
    state.points[half_life] = (earned, entry.time)


def _state_deadline(state: State, entry: Entry, rules: Rules) -> None:
    """The last stated deadline counts, if it was ahead when stated."""
    due = rules.instant((entry.fields or {}).get("deadline"))
    if due is None or due <= entry.time:
        state.deadline = None
    else:
        is_used = state.stage == OPPORTUNITY
        state.deadline = Deadline(due, entry.time, entry.id, is_used, arrived=entry.arrived_at)


def _note_sales(state: State, entry: Entry) -> None:
    """Sales has followed up."""
    state.last_sales = max(state.last_sales, entry.time)
    state.active_arrived = max(state.active_arrived, entry.arrived_at)
    if state.clocks:
        state.clocks.pop("hot_followup", None)
        state.clocks.pop("warm_followup", None)


def await_settling(state: State, entry: Entry, rules: Rules) -> None:
    """A click counts when its timer fires, unless it turns out to be a machine's by then.

    Machines follow every link of a mail, at once, or as soon as it is delivered.
    """
    flags, fields = entry.flags, entry.fields or {}
    state.known |= flags & _FLAGS
    if flags & NOBODY:
        return
    message, link = str(fields.get("message_id")), str(fields.get("url"))
    delivered = rules.instant(fields.get("delivered_at"))
    is_spoiled = delivered is not None and entry.time - delivered < DELIVERY
    others = []
    for other in state.clicks:
        is_near = entry.time - other.at <= AT_ONCE
        if other.message == message and other.link != link and is_near:
            is_spoiled = True
            other = replace(other, is_spoiled=True)
        others.append(other)
    click = Click(
        entry.time, entry.id, entry.source, entry.type, message, link, flags, entry.arrived_at,
        entry.channel, entry.campaign_id, is_spoiled,
    )  # fmt: skip
    state.clicks = (*others, click)[-CLICKS_MAX:]
