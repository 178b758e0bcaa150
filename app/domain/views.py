"""The contact as others see it at one moment."""

from collections.abc import Callable

from app.domain.changes import Touch, View
from app.domain.contact import Contact
from app.domain.guards import intent_active, not_blocked
from app.domain.interaction import Microseconds
from app.domain.qualification import MET, UNKNOWN, level_of, standing_of, told
from app.domain.rules import Rules
from app.domain.scoring import engagement, fit, temperature
from app.domain.state import LEAD, NONE, OPPORTUNITY, PROSPECT, RECYCLED, State

ViewOf = Callable[[str, int, bool], View]
"""(stage, cycle, is_customer) -> the view with that stage."""


def view(contact: Contact, rules: Rules, at: Microseconds) -> View:
    """At a moment not before the last interaction."""
    state = contact.fold
    is_needed = is_qualification_needed(state, rules, max(at, state.head_time))
    return viewer(state, rules, at, is_needed)(state.stage, state.cycle, state.is_customer)


def viewer(state: State, rules: Rules, at: Microseconds, is_needed: bool = False) -> ViewOf:
    """What does not depend on the stage is computed once for all records of a step."""
    at = max(at, state.head_time)
    engaged = engagement(state, at)
    organisation = opportunity = stakeholder = UNKNOWN
    is_high = False
    fits = 0
    if state.facts:
        standing = standing_of(state, at)
        fits = fit(state, standing, rules)
        organisation = level_of(standing, "organisation")
        opportunity = level_of(standing, "opportunity")
        stakeholder = level_of(standing, "stakeholder")
        is_high = standing.get("industry") is MET and not_blocked(state, at, rules)
    elif state.known:
        fits = fit(state, {}, rules)
    is_strong = engaged >= rules.terms.strong_engagement * 1000
    has_offer = bool(state.quotes) and any(until >= at for until in state.quotes.values())
    heat = temperature(state, at, rules, engaged)
    priority = round((fits + engaged) / 2)
    first, last = state.first_touch, state.last_touch

    def of(stage: str, cycle: int, is_customer: bool) -> View:
        return View(
            stage,
            cycle,
            organisation,
            opportunity,
            stakeholder,
            is_strong,
            is_high,
            stage == OPPORTUNITY,
            has_offer,
            heat,
            fits,
            engaged,
            priority,
            None if stage == NONE else rules.stages[stage].owner,
            state.owner,
            is_customer,
            state.account_id,
            None if first is None else Touch(*first),
            None if last is None else Touch(*last),
            is_needed,
        )

    return of


def is_qualification_needed(state: State, rules: Rules, at: Microseconds) -> bool:
    """The industry is unknown where it is wanted: T4's gate, or a stage entered without it."""
    if state.facts and told(state, "industry", at) != UNKNOWN:
        return False
    if rules.terms.is_icp_held:
        return state.stage in (LEAD, RECYCLED) and intent_active(state, at, rules)
    return state.stage in (PROSPECT, OPPORTUNITY)
