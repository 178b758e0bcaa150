"""What a step asks of people: follow up, accept, find out, nurture; and how long they have."""

from typing import Final

from app.domain.entry import Entry
from app.domain.evidence import is_human, is_identified
from app.domain.qualification import UNKNOWN, told
from app.domain.rules import Rules
from app.domain.state import DISQUALIFIED, LEAD, OPPORTUNITY, PROSPECT, RECYCLED, State
from app.domain.temperature import COLD, HOT, WARM, settle

NURTURED: Final = (LEAD, PROSPECT, RECYCLED)


def start(state: State, clock: str, entry: Entry, rules: Rules) -> None:
    """A service-level clock: it runs in business hours, from the arrival of what started it."""
    hours = rules.terms.business.get(clock)
    if hours is not None and not entry.is_quiet and state.stage != DISQUALIFIED:
        state.clocks[clock] = rules.hours.after(max(entry.arrived_at, entry.time), hours)


def keep_temperature(state: State, entry: Entry, rules: Rules) -> bool:
    """Up to the step's time; True: it changed. What got warmer has to be followed up."""
    if rules.terms.is_shadow:
        return False
    before = state.temperature
    if not settle(state, entry.time, rules):
        return False
    now = state.temperature
    if before == HOT:
        state.clocks.pop("hot_followup", None)
    elif now == HOT:
        state.clocks.pop("warm_followup", None)
        start(state, "hot_followup", entry, rules)
    elif now == WARM:
        start(state, "warm_followup", entry, rules)
    elif now == COLD:
        state.clocks.pop("warm_followup", None)
    return True


def ask_for_profile(
    state: State, entry: Entry, rules: Rules, *, is_intent: bool, has_moved: bool
) -> None:
    """Somebody has to find out the industry: a person's intent waits for it, or a stage was entered
    without it. Not more often than the model says.
    """
    if rules.terms.is_shadow or told(state, "industry", entry.time) != UNKNOWN:
        return
    if rules.terms.is_icp_held:
        is_shown = is_intent and is_human(entry) and is_identified(entry)
        is_wanted = is_shown and state.stage in (LEAD, RECYCLED)
    else:
        is_wanted = has_moved and state.stage in (PROSPECT, OPPORTUNITY)
    if not is_wanted or entry.is_quiet:
        return
    if state.asked_at is None or entry.time - state.asked_at >= rules.terms.ask_again:
        state.asked_at = entry.time
        start(state, "qualification_sla", entry, rules)


def nurture(state: State, track: str | None) -> None:
    """After a step's moves: its last request, and only where marketing keeps the contact."""
    if state.stage not in NURTURED:
        state.nurture = None
    elif track is not None:
        state.nurture = (track, state.stage, state.cycle)
