"""Then evidence: what an interaction proves about the contact, and the points it earns."""

from math import exp2

from app.domain.entry import AUTOMATED, KNOWN, ROLE_MAILBOX, UNWANTED_DOMAIN, Entry
from app.domain.rules import InteractionType, Outcome, Rules, When
from app.domain.state import OPPORTUNITY, Deadline, Seen, State

_NOBODY = AUTOMATED | ROLE_MAILBOX
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
    if not outcome.is_inbound:
        if "outbound" in outcome.classes:
            if state.first_inbound_day is None:
                state.is_outbound = True
            if entry.channel is not None or entry.campaign_id is not None:
                _touch(state, entry)
        return
    if flags & _NOBODY or (entry.fields is not None and not is_human(entry)):
        return
    time = entry.time
    day = rules.day(time)
    if state.first_inbound_day is None:
        state.first_inbound_day = day
    state.last_inbound = time
    if entry.channel is not None or entry.campaign_id is not None:
        _touch(state, entry)
    if outcome.points:
        _score(state, entry, outcome, day)
    if outcome.is_two_way or outcome.is_intent:
        seen = Seen(time, entry.id, entry.type, day)
        if not outcome.is_weak:
            state.strong = seen
        else:
            if state.weak is not None and state.weak.day != day:
                state.weak_before = state.weak
            state.weak = seen
        if outcome.is_intent:
            state.last_intent = time
            if state.stage != OPPORTUNITY:
                state.intent = seen
    if entry.fields is not None and "deadline" in entry.fields:
        _state_deadline(state, entry, rules)


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
        state.deadline = Deadline(due, entry.time, entry.id, state.stage == OPPORTUNITY)
