"""Cold, warm or hot: whom to take first. It orders work and never changes a stage.

A band is entered when its conditions hold. It is left when the engagement is some points below it
or some time after its conditions ended, whichever is first.
"""

from math import exp, exp2, log, log2
from typing import Final

from app.domain.interaction import Microseconds
from app.domain.qualification import MET, fact, told
from app.domain.rules import Rules, Terms
from app.domain.scoring import engagement
from app.domain.state import NEVER, State

HOT: Final = "hot"
WARM: Final = "warm"
COLD: Final = "cold"
LN2: Final = log(2)
NEWTON_STEPS: Final = 12
_RANK: Final = {COLD: 0, WARM: 1, HOT: 2}


def settle(state: State, at: Microseconds, rules: Rules) -> bool:
    """Bring the temperature up to `at`, a moment not before the last one; True: it changed."""
    held = state.temperature
    now = conditions(state, at, rules)
    if now == held:
        state.cooling_since = None
        return False
    if _RANK[now] < _RANK[held]:
        terms = rules.terms
        if state.cooling_since is None:
            state.cooling_since = at
        is_over = at - state.cooling_since >= terms.cooling
        if not is_over and engagement(state, at) > _left_below(held, terms):
            return False
        if held == HOT and now == COLD and engagement(state, at) > _left_below(WARM, terms):
            state.temperature, state.cooling_since = WARM, at
            return True
    state.temperature, state.cooling_since = now, None
    return True


def conditions(state: State, at: Microseconds, rules: Rules) -> str:
    """The band whose conditions hold, without regard to the one that is held."""
    terms = rules.terms
    if state.last_inbound is None and state.is_outbound:
        return COLD
    engaged, most = 0, 0.0
    for value, _ in state.points.values():
        most += value
    if most >= terms.warm_engagement:  # else it is below even undecayed, which needs no exponents
        engaged = engagement(state, at)
    deadline = state.deadline
    if (
        (state.last_intent is not None and at - state.last_intent <= terms.hot_intent)
        or (deadline is not None and 0 < deadline.due - at <= terms.hot_deadline)
        or engaged >= terms.hot_engagement * 1000
    ):
        is_ahead = deadline is not None and deadline.due > at
        return WARM if not is_ahead and state.facts and _is_old_habit(state, at, rules) else HOT
    if engaged >= terms.warm_engagement * 1000:
        return WARM
    if (
        state.facts
        and state.last_inbound is not None
        and at - state.last_inbound <= terms.warm_inbound
        and told(state, "need", at) == MET
    ):
        return WARM
    return COLD


def next_crossing(state: State, rules: Rules, is_exact: bool) -> Microseconds:
    """When the temperature, or what it rests on, may change by time alone; NEVER if it can't.

    Not exact: some moment no later, for a fraction of the cost.
    """
    at, terms = state.head_time, rules.terms
    first = NEVER
    if terms.is_shadow:
        return first
    if state.last_intent is not None:
        ends = state.last_intent + terms.hot_intent + 1
        if ends > at:
            first = ends
    deadline = state.deadline
    if deadline is not None:
        for moment in (deadline.due - terms.hot_deadline, deadline.due):
            if at < moment < first:
                first = moment
    if state.cooling_since is not None:
        ends = state.cooling_since + terms.cooling
        if at < ends < first:
            first = ends
    if state.facts:
        for moment in _of_facts(state, rules):
            if at < moment < first:
                first = moment
    if state.temperature != COLD and state.points:
        fades = _fading(state, rules, is_exact)
        if fades < first:
            first = fades
    return first


def _of_facts(state: State, rules: Rules) -> list[Microseconds]:
    need, since = state.facts.get("need"), state.facts.get("problem_since")
    if need is None and since is None:
        return []
    moments = []
    is_met = need is not None and told(state, "need", state.head_time) == MET
    if is_met and need is not None and state.last_inbound is not None:
        moments.append(state.last_inbound + rules.terms.warm_inbound + 1)
        if need.valid_until is not None:
            moments.append(need.valid_until + 1)
    if since is not None:
        began = rules.instant(since.value)
        if began is not None:
            moments.append(began + rules.terms.old_habit + 1)
        if since.valid_until is not None:
            moments.append(since.valid_until + 1)
    return moments


def _fading(state: State, rules: Rules, is_exact: bool) -> Microseconds:
    """When the engagement falls to the next mark below it."""
    at, terms = state.head_time, rules.terms
    now = engagement(state, at)
    below = next((mark for mark in terms.marks if mark < now), None)
    if below is None:
        return NEVER
    if not is_exact:
        # All of it with the shortest half-life, and a second for the rounding.
        return at + max(1, int(min(state.points) * 1e6 * log2(now / (below + 1))) - 1_000_000)
    return _falls_to(state, below)


def _falls_to(state: State, mark: float) -> Microseconds:
    """The first microsecond at which the engagement, in thousandths, is `mark` or less.

    Newton's method on the sum of exponentials comes within a few microseconds: it is convex, so
    from the left it never goes too far. The rounding decides the rest.
    """
    at, goal = state.head_time, (mark + 0.5) / 1000
    rates = [
        (value * exp2((since - at) / (half_life * 1e6)), LN2 / (half_life * 1e6))
        for half_life, (value, since) in state.points.items()
    ]
    span = 0.0
    for _ in range(NEWTON_STEPS):
        values = [(value * exp(-rate * span), rate) for value, rate in rates]
        over = sum(value for value, _ in values) - goal
        if over * 1e3 < 1e-7:
            break
        span += over / sum(value * rate for value, rate in values)
    found, width = at + int(span), 1
    early = late = found
    while late <= at or engagement(state, late) > mark:
        early, late, width = late, max(late, at) + width, width * 2
    width = 1
    while early > at and engagement(state, early) <= mark:
        late, early, width = early, max(at, early - width), width * 2
    while late - early > 1:
        middle = (early + late) // 2
        if engagement(state, middle) <= mark:
            late = middle
        else:
            early = middle
    return late


def _left_below(band: str, terms: Terms) -> float:
    """The engagement, in thousandths, at which a band whose conditions ended is left."""
    entered = terms.hot_engagement if band == HOT else terms.warm_engagement
    return (entered - terms.cooling_points) * 1000


def _is_old_habit(state: State, at: Microseconds, rules: Rules) -> bool:
    """A problem known for years is a habit, not urgent."""
    since = fact(state, "problem_since", at)
    began = rules.instant(since.value) if since is not None else None
    return began is not None and at - began > rules.terms.old_habit
