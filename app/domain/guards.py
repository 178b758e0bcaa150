"""Guards: the conditions on a transition, as booleans. What they saw is told by observations.py.

A guard rests on the state after the interaction's facts and evidence, or on the interaction.
"""

# ruff: noqa: ARG001, ARG005 - every guard has the same signature

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.domain import observations as seen
from app.domain.entry import Entry
from app.domain.evidence import is_human, is_identified
from app.domain.interaction import Microseconds
from app.domain.qualification import (
    BLOCKERS,
    MET,
    MISMATCHES,
    NOT_MET,
    TRIAD,
    UNKNOWN,
    fact,
    is_any_not_met,
    standing_of,
    told,
)
from app.domain.rules import Check, Observation, Observe, Rules, Terms
from app.domain.scoring import fit
from app.domain.state import State

OR: Final = "|"
"""Between the names of guards of which one is enough."""
PROCESSING: Final = "processing"
ASKS: Final = "asks"
"""The guard of an override: ``asks:<stage>``."""
_BLOCKERS: Final = frozenset(BLOCKERS)
_MISMATCHES: Final = frozenset(MISMATCHES)
_TRIAD: Final = frozenset(TRIAD)

Holds = Callable[[State, Microseconds, Rules], bool]


@dataclass(frozen=True, slots=True)
class Guard:
    check: Check
    holds: Holds | None
    """The same without an interaction; None: it judges the interaction."""
    observe: Observe
    require: Callable[[Terms], str]


def two_way_recent(state: State, at: Microseconds, rules: Rules) -> bool:
    """One strong two-way or intent interaction, or weak ones on two days, within the term."""
    since = at - rules.terms.two_way_recent
    if state.strong is not None and state.strong.at >= since:
        return True
    return state.weak_before is not None and state.weak_before.at >= since


def icp(state: State, at: Microseconds, rules: Rules) -> bool:
    """The profile fits as far as known; `icp_unknown: hold`: the industry is known to."""
    if not state.facts:
        return not rules.terms.is_icp_held
    industry = told(state, "industry", at)
    if industry == NOT_MET or (rules.terms.is_icp_held and industry != MET):
        return False
    return told(state, "need", at) != NOT_MET


def not_blocked(state: State, at: Microseconds, rules: Rules) -> bool:
    """No level is not met, budget and authority pass their gates, processing is allowed."""
    if state.opted_out and PROCESSING in state.opted_out:
        return False
    if state.facts and is_any_not_met(state, _BLOCKERS, at):
        return False
    gated = rules.terms.gated
    return not gated or all(told(state, criterion, at) != UNKNOWN for criterion in gated)


def intent_active(state: State, at: Microseconds, rules: Rules) -> bool:
    """An unused human intent within the term, or an unused deadline not passed for too long."""
    intent, deadline = state.intent, state.deadline
    if intent is not None and at - intent.at <= rules.terms.intent_active:
        return True
    return (
        deadline is not None
        and not deadline.is_used
        and at <= deadline.due + rules.terms.deadline_grace
    )


def triad_ok(state: State, at: Microseconds, rules: Rules) -> bool:
    return not is_any_not_met(state, _TRIAD, at)


def has_mismatch(state: State, at: Microseconds, rules: Rules) -> bool:
    return is_any_not_met(state, _MISMATCHES, at)


def two_way_since(state: State, at: Microseconds, rules: Rules) -> bool:
    """Talked back since the contact came to its stage; lightly only: on two days since."""
    since = max(state.entered_at, at - rules.terms.two_way_recent)
    if state.strong is not None and state.strong.at > since:
        return True
    return state.weak_before is not None and state.weak_before.at > since


def fit_ok(state: State, at: Microseconds, rules: Rules) -> bool:
    return told(state, "fit", at) != NOT_MET


def budget_met(state: State, at: Microseconds, rules: Rules) -> bool:
    return told(state, "budget", at) == MET


def decision_maker(state: State, at: Microseconds, rules: Rules) -> bool:
    known = fact(state, "authority", at)
    return known is not None and known.value == "decision_maker"


def triad_met(state: State, at: Microseconds, rules: Rules) -> bool:
    return all(told(state, criterion, at) == MET for criterion in TRIAD)


def content_score(state: State, at: Microseconds, rules: Rules) -> bool:
    """A download so far, and a fit that is high enough."""
    if state.content is None:
        return False
    return fit(state, standing_of(state, at), rules) >= rules.terms.content_fit * 1000


def no_open_quote(state: State, at: Microseconds, rules: Rules) -> bool:
    return not any(quote.until >= at for quote in state.quotes.values())


def _is_reopened(state: State, entry: Entry, rules: Rules) -> bool:
    """A person's new intent brings back what was lost, unless it did not fit: then only its deal
    does.
    """
    if entry.type == "deal.reopened":
        return True
    is_shown = is_human(entry) and is_identified(entry)
    return is_shown and (state.reason != "no_fit" or state.is_placed)


def _is_rejected(state: State, entry: Entry, rules: Rules) -> bool:
    handoff = state.handoff
    return handoff is not None and handoff.answer == "rejected" and handoff.answered_by == entry.id


def _is_rejected_or_timer(state: State, entry: Entry, rules: Rules) -> bool:
    return entry.is_timer or _is_rejected(state, entry, rules)


def _mismatch_in_step(state: State, entry: Entry, rules: Rules) -> bool:
    """A person said so in this step, or an organisation criterion or the fit *is* not met."""
    if state.facts and is_any_not_met(state, _MISMATCHES, entry.time):
        return True
    return entry.type == "contact.disqualified"


def _has_reason(entry: Entry) -> bool:
    return bool(entry.fields and entry.fields.get("reason"))


def _is_accountable(entry: Entry) -> bool:
    return bool(entry.fields and entry.fields.get("actor") and entry.fields.get("reason"))


def _of_state(holds: Holds, observe: Observe, require: Callable[[Terms], str] | str) -> Guard:
    text = (lambda terms: require) if isinstance(require, str) else require
    return Guard(lambda state, entry, rules: holds(state, entry.time, rules), holds, observe, text)


def _of_entry(holds: Callable[[Entry], bool], observed: str, required: str) -> Guard:
    observation = (observed, ())
    return Guard(
        lambda state, entry, rules: holds(entry),
        None,
        lambda state, at, rules: observation,
        lambda terms: required,
    )


def guard_named(name: str) -> Guard:
    """``a|b``: one of them is enough. KeyError if there is no such guard."""
    if OR in name:
        return _any_of(name.split(OR))
    kind, _, stage = name.partition(":")
    return _asks_for(stage) if kind == ASKS and stage else GUARDS[name]


def _any_of(names: list[str]) -> Guard:
    """What is told is the first that holds, else all of them. Each must judge the state alone."""
    some = [GUARDS[name] for name in names]
    holding = [guard.holds for guard in some if guard.holds is not None]

    def holds(state: State, at: Microseconds, rules: Rules) -> bool:
        return any(each(state, at, rules) for each in holding)

    def observe(state: State, at: Microseconds, rules: Rules) -> Observation:
        told_of = [guard.observe(state, at, rules) for guard in some]
        for guard, observation in zip(some, told_of, strict=True):
            if guard.holds is not None and guard.holds(state, at, rules):
                return observation
        return "; ".join(words for words, _ in told_of), ()

    return Guard(
        lambda state, entry, rules: holds(state, entry.time, rules),
        holds,
        observe,
        lambda terms: " or ".join(guard.require(terms) for guard in some),
    )


def _asks_for(stage: str) -> Guard:
    return _of_entry(
        lambda entry: entry.fields is not None and entry.fields.get("to_stage") == stage,
        f"to_stage {stage}",
        f"to_stage {stage}",
    )


GUARDS: Final[dict[str, Guard]] = {
    "human": _of_entry(is_human, "a person", "not automated, no auto-reply"),
    "identified": _of_entry(is_identified, "a person's address", "no role mailbox"),
    "two_way_recent": _of_state(two_way_recent, seen.two_way, seen.required_two_way),
    "icp": _of_state(icp, seen.profile, seen.required_profile),
    "not_blocked": _of_state(not_blocked, seen.blockers, seen.required_blockers),
    "intent_active": _of_state(intent_active, seen.intent, seen.required_intent),
    "triad_ok": _of_state(triad_ok, seen.triad, "none of them not_met"),
    "mismatch": Guard(
        _mismatch_in_step,
        has_mismatch,
        seen.mismatches,
        lambda terms: "one of them not_met, or contact.disqualified",
    ),
    "no_mismatch": _of_state(
        lambda state, at, rules: not has_mismatch(state, at, rules),
        seen.mismatches,
        "none of them not_met",
    ),
    "not_barred": _of_state(
        lambda state, at, rules: not state.is_barred,
        seen.barred,
        "never after contact.disqualified",
    ),
    "no_open_deal": _of_state(
        lambda state, at, rules: not state.open_deals, seen.deals, "no other deal open"
    ),
    "two_way_since": _of_state(two_way_since, seen.two_way, seen.required_two_way_since),
    "fit_ok": _of_state(fit_ok, seen.our_fit, "fit is not not_met"),
    "budget_met": _of_state(budget_met, seen.budget, "budget met"),
    "decision_maker": _of_state(decision_maker, seen.authority, "decision_maker"),
    "triad_met": _of_state(triad_met, seen.triad, "all of them met"),
    "content_score": _of_state(content_score, seen.content, seen.required_content),
    "no_open_quote": _of_state(no_open_quote, seen.quotes, "no open quote"),
    "customer": _of_state(
        lambda state, at, rules: state.is_customer, seen.customer, "is a customer"
    ),
    "no_customer": _of_state(
        lambda state, at, rules: not state.is_customer, seen.customer, "is no customer"
    ),
    "reopened": Guard(
        _is_reopened,
        None,
        seen.why_lost,
        lambda terms: "deal.reopened, or a person's intent where not lost for no_fit",
    ),
    "rejected": Guard(_is_rejected, None, seen.handoff, lambda terms: "the hand-off rejected"),
    "rejected_or_due": Guard(
        _is_rejected_or_timer, None, seen.handoff, lambda terms: "a timer, or a rejected hand-off"
    ),
    "reason_given": _of_entry(_has_reason, "a reason", "a reason"),
    "accountable": _of_entry(_is_accountable, "actor and reason", "actor and reason"),
}
