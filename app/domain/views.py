"""The contact as others see it at one moment."""

from collections.abc import Callable

from msgspec.structs import replace

from app.domain.changes import Touch, View
from app.domain.contact import Contact
from app.domain.guards import intent_active, not_blocked
from app.domain.interaction import Microseconds
from app.domain.qualification import MET, UNKNOWN, level_of, standing_of, told
from app.domain.rules import Rules
from app.domain.scoring import engagement, fit
from app.domain.state import LEAD, OPPORTUNITY, PROSPECT, RECYCLED, State

ViewOf = Callable[[str, int, bool], View]
"""(stage, cycle, is_customer) -> the view with that stage."""


def view(contact: Contact, rules: Rules, at: Microseconds) -> View:
    """At a moment not before the last interaction."""
    state = contact.fold
    if at < state.head_time:
        at = state.head_time
    is_needed = is_qualification_needed(state, rules, at)
    seen = _seen(state, rules, at, state.stage, state.cycle, state.is_customer, is_needed)
    primary = contact.book.primary
    return seen if primary is None else replace(seen, linked_to=primary)


def viewer(state: State, rules: Rules, at: Microseconds) -> ViewOf:
    """What does not depend on the stage is computed once for all records of a step, if any."""
    known: View | None = None

    def of(stage: str, cycle: int, is_customer: bool) -> View:
        nonlocal known
        if known is None:
            known = _seen(state, rules, at, stage, cycle, is_customer, False)
            return known
        return replace(
            known,
            stage=stage,
            cycle=cycle,
            in_pipeline=stage == OPPORTUNITY,
            owner_team=_owner_of(stage, rules),
            is_customer=is_customer,
        )

    return of


def _seen(
    state: State,
    rules: Rules,
    at: Microseconds,
    stage: str,
    cycle: int,
    is_customer: bool,
    is_needed: bool,
) -> View:
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
    quotes, first, last = state.quotes, state.first_touch, state.last_touch
    return View(
        stage,
        cycle,
        organisation,
        opportunity,
        stakeholder,
        engaged >= rules.terms.strong_engagement * 1000,
        is_high,
        stage == OPPORTUNITY,
        bool(quotes) and any(quote.until >= at for quote in quotes.values()),
        state.temperature,
        fits,
        engaged,
        round((fits + engaged) / 2),
        _owner_of(stage, rules),
        state.owner,
        is_customer,
        state.account_id,
        None if first is None else Touch(*first),
        None if last is None else Touch(*last),
        is_needed,
    )


def _owner_of(stage: str, rules: Rules) -> str | None:
    """A contact may be, or have been, in a stage that a model which came later lacks."""
    found = rules.stages.get(stage)
    return None if found is None else found.owner


def is_qualification_needed(state: State, rules: Rules, at: Microseconds) -> bool:
    """The industry is unknown where it is wanted: T4's gate, or a stage entered without it."""
    if state.facts and told(state, "industry", at) != UNKNOWN:
        return False
    if rules.terms.is_icp_held:
        return state.stage in (LEAD, RECYCLED) and intent_active(state, at, rules)
    return state.stage in (PROSPECT, OPPORTUNITY)
