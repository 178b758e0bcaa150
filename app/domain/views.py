"""The contact as others see it at one moment."""

from collections.abc import Callable

import msgspec

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
    seen = viewer(state, rules, at)(state.stage, state.cycle, state.is_customer)
    if is_qualification_needed(state, rules, max(at, state.head_time)):
        return msgspec.structs.replace(seen, qualification_needed=True)
    return seen


def viewer(state: State, rules: Rules, at: Microseconds) -> ViewOf:
    """What does not depend on the stage is computed once for all records of a step."""
    at = max(at, state.head_time)
    engaged = engagement(state, at)
    standing = standing_of(state, at) if state.facts else {}
    fits = fit(state, standing, rules)
    organisation = opportunity = stakeholder = UNKNOWN
    is_high = False
    if standing:
        organisation = level_of(standing, "organisation")
        opportunity = level_of(standing, "opportunity")
        stakeholder = level_of(standing, "stakeholder")
        is_high = standing.get("industry") is MET and not_blocked(state, at, rules)
    is_strong = engaged >= rules.terms.strong_engagement * 1000
    has_offer = bool(state.quotes) and any(until >= at for until in state.quotes.values())
    heat = temperature(state, at, rules, engaged)
    priority = round((fits + engaged) / 2)
    first, last = _touch(state.first_touch), _touch(state.last_touch)

    def of(stage: str, cycle: int, is_customer: bool) -> View:
        owner_team = None if stage == NONE else rules.stages[stage].owner
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
            owner_team,
            state.owner,
            is_customer,
            state.account_id,
            first,
            last,
        )

    return of


def is_qualification_needed(state: State, rules: Rules, at: Microseconds) -> bool:
    """The industry is unknown where it is wanted: T4's gate, or a stage entered without it."""
    if told(state, "industry", at) != UNKNOWN:
        return False
    if rules.terms.is_icp_held:
        return state.stage in (LEAD, RECYCLED) and intent_active(state, at, rules)
    return state.stage in (PROSPECT, OPPORTUNITY)


def _touch(touch: tuple[str | None, str | None] | None) -> Touch | None:
    return None if touch is None else Touch(*touch)
