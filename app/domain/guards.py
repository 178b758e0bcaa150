"""Guards: conditions on a transition. `check` answers on the hot path, `tell` says why.

A guard rests on the state after the interaction's facts and evidence; those that judge the
interaction itself say so when there is none (`entry` is None: "what if nothing happens").
"""

# ruff: noqa: ARG001, ARG005 - every guard has the same signature

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from app.domain.calendar import DAY
from app.domain.entry import Entry
from app.domain.evidence import is_human, is_identified
from app.domain.interaction import Microseconds
from app.domain.qualification import (
    LEVELS,
    MET,
    MISMATCHES,
    NOT_MET,
    TRIAD,
    UNKNOWN,
    is_any_not_met,
    told,
)
from app.domain.rules import Rules
from app.domain.state import State

PROCESSING: Final = "processing"
_BLOCKERS: Final = tuple(criterion for level in LEVELS.values() for criterion in level)


class Told(NamedTuple):
    observed: str
    required: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guard:
    check: Callable[[State, Entry, Rules], bool]
    holds: Callable[[State, Microseconds, Rules], bool] | None
    """The same without an interaction; None: it judges the interaction."""
    tell: Callable[[State, Microseconds, Rules], Told]

    def holds_at(self, state: State, at: Microseconds, rules: Rules) -> bool:
        """Of a guard on the state alone."""
        assert self.holds is not None
        return self.holds(state, at, rules)


def _of_state(
    holds: Callable[[State, Microseconds, Rules], bool],
    tell: Callable[[State, Microseconds, Rules], Told],
) -> Guard:
    return Guard(lambda state, entry, rules: holds(state, entry.time, rules), holds, tell)


def _of_entry(holds: Callable[[Entry], bool], observed: str, required: str) -> Guard:
    told_so = Told(observed, required)
    return Guard(lambda state, entry, rules: holds(entry), None, lambda *_: told_so)


def _two_way_recent(state: State, at: Microseconds, rules: Rules) -> bool:
    """One strong two-way or intent interaction, or weak ones on two days, within the term."""
    since = at - rules.terms.two_way_recent
    if state.strong is not None and state.strong.at >= since:
        return True
    return state.weak_before is not None and state.weak_before.at >= since


def _tell_two_way(state: State, at: Microseconds, rules: Rules) -> Told:
    required = f"talked back within {_days(rules.terms.two_way_recent)} d"
    since = at - rules.terms.two_way_recent
    strong, weak, before = state.strong, state.weak, state.weak_before
    if strong is not None and strong.at >= since:
        return Told(f"{strong.type} {_ago(strong.at, at)}", required, (strong.id,))
    if weak is not None and before is not None and before.at >= since:
        seen = f"{weak.type} {_ago(weak.at, at)}, {before.type} {_ago(before.at, at)}"
        return Told(seen, required, (before.id, weak.id))
    if weak is not None and weak.at >= since:
        return Told(f"{weak.type} on one day only", required, (weak.id,))
    return Told("nothing", required)


def _icp(state: State, at: Microseconds, rules: Rules) -> bool:
    """The profile fits as far as known; `icp_unknown: hold`: the industry is known to."""
    if not state.facts:
        return not rules.is_icp_held
    industry = told(state, "industry", at)
    if industry == NOT_MET or (rules.is_icp_held and industry != MET):
        return False
    return told(state, "need", at) != NOT_MET


def _tell_icp(state: State, at: Microseconds, rules: Rules) -> Told:
    required = "industry met, need not not_met" if rules.is_icp_held else "none of them not_met"
    return _criteria(state, at, ("industry", "need"), required)


def _not_blocked(state: State, at: Microseconds, rules: Rules) -> bool:
    """No level is not met, budget and authority pass their gates, processing is allowed."""
    if state.opted_out and PROCESSING in state.opted_out:
        return False
    if state.facts and (
        is_any_not_met(state, _BLOCKERS, at) or told(state, "budget", at) == NOT_MET
    ):
        return False
    if rules.is_budget_gated and told(state, "budget", at) == UNKNOWN:
        return False
    return not (rules.is_authority_gated and told(state, "authority", at) == UNKNOWN)


def _tell_not_blocked(state: State, at: Microseconds, rules: Rules) -> Told:
    waits = [
        name
        for name, gated in (
            ("budget", rules.is_budget_gated),
            ("authority", rules.is_authority_gated),
        )
        if gated
    ]
    required = "no criterion not_met, not opted out of processing"
    if waits:
        required += f", {' and '.join(waits)} known"
    against = [name for name in (*_BLOCKERS, "budget") if told(state, name, at) == NOT_MET]
    missing = [name for name in waits if told(state, name, at) == UNKNOWN]
    observed = [f"{name} not_met" for name in against] + [f"{name} unknown" for name in missing]
    if PROCESSING in state.opted_out:
        observed.append("opted out of processing")
    return Told(", ".join(observed) or "nothing against", required, _ids(state, against))


def _intent_active(state: State, at: Microseconds, rules: Rules) -> bool:
    """An unused human intent within the term, or an unused deadline not passed for too long."""
    terms = rules.terms
    if state.intent is not None and at - state.intent.at <= terms.intent_active:
        return True
    deadline = state.deadline
    return (
        deadline is not None and not deadline.is_used and at <= deadline.due + terms.deadline_grace
    )


def _tell_intent(state: State, at: Microseconds, rules: Rules) -> Told:
    terms = rules.terms
    intent, deadline = state.intent, state.deadline
    required = (
        f"intent within {_days(terms.intent_active)} d, or a stated deadline passed by no more"
        f" than {_days(terms.deadline_grace)} d"
    )
    if intent is not None and at - intent.at <= terms.intent_active:
        return Told(f"{intent.type} {_ago(intent.at, at)}", required, (intent.id,))
    if deadline is not None and not deadline.is_used:
        when = f"{_days(deadline.due - at)} d ahead" if deadline.due > at else "passed"
        return Told(f"deadline {when}", required, (deadline.id,))
    if intent is not None:
        return Told(f"{intent.type} {_ago(intent.at, at)}", required, (intent.id,))
    return Told("nothing", required)


def _triad_ok(state: State, at: Microseconds, rules: Rules) -> bool:
    return not is_any_not_met(state, TRIAD, at)


def _fit_ok(state: State, at: Microseconds, rules: Rules) -> bool:
    return told(state, "fit", at) != NOT_MET


def _not_barred(state: State, at: Microseconds, rules: Rules) -> bool:
    return not state.is_barred


def _no_open_deal(state: State, at: Microseconds, rules: Rules) -> bool:
    return not state.open_deals


def _mismatched(state: State, entry: Entry, rules: Rules) -> bool:
    """A person said so in this step, or an organisation criterion or the fit *is* not met."""
    return entry.type == "contact.disqualified" or is_any_not_met(state, MISMATCHES, entry.time)


def _mismatches(state: State, at: Microseconds, rules: Rules) -> Told:
    return _criteria(state, at, MISMATCHES, "any of them not_met, or contact.disqualified")


def _criteria(state: State, at: Microseconds, names: tuple[str, ...], required: str) -> Told:
    observed = ", ".join(f"{name} {told(state, name, at)}" for name in names)
    return Told(observed, required, _ids(state, names))


def _ids(state: State, names: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return tuple(state.facts[name].id for name in names if name in state.facts)


def _ago(then: Microseconds, at: Microseconds) -> str:
    return f"{_days(at - then)} d ago"


def _days(span: Microseconds) -> int:
    return span // DAY


GUARDS: Final[dict[str, Guard]] = {
    "human": _of_entry(is_human, "a person", "not automated, no auto-reply"),
    "identified": _of_entry(is_identified, "a person's address", "no role mailbox"),
    "two_way_recent": _of_state(_two_way_recent, _tell_two_way),
    "icp": _of_state(_icp, _tell_icp),
    "not_blocked": _of_state(_not_blocked, _tell_not_blocked),
    "intent_active": _of_state(_intent_active, _tell_intent),
    "triad_ok": _of_state(
        _triad_ok, lambda s, at, r: _criteria(s, at, TRIAD, "none of them not_met")
    ),
    "mismatch": Guard(_mismatched, lambda s, at, r: is_any_not_met(s, MISMATCHES, at), _mismatches),
    "no_mismatch": _of_state(
        lambda s, at, r: not is_any_not_met(s, MISMATCHES, at),
        lambda s, at, r: _criteria(s, at, MISMATCHES, "none of them not_met"),
    ),
    "fit_ok": _of_state(_fit_ok, lambda s, at, r: _criteria(s, at, ("fit",), "not not_met")),
    "not_barred": _of_state(
        _not_barred,
        lambda s, at, r: Told(
            "disqualified by a person" if s.is_barred else "no person decided",
            "never after contact.disqualified",
        ),
    ),
    "no_open_deal": _of_state(
        _no_open_deal,
        lambda s, at, r: Told(f"{len(s.open_deals)} deals open", "no other deal open"),
    ),
    "reason_given": _of_entry(
        lambda entry: bool((entry.fields or {}).get("reason")), "a reason", "a reason"
    ),
    "accountable": _of_entry(
        lambda entry: (
            bool(entry.fields and entry.fields.get("reason") and entry.fields["actor"])
            if entry.fields and "actor" in entry.fields
            else False
        ),
        "actor and reason",
        "actor and reason",
    ),
}


def asks_for(stage: str) -> Guard:
    """The override's own condition: it names this stage."""
    return _of_entry(
        lambda entry: entry.fields is not None and entry.fields.get("to_stage") == stage,
        f"to_stage {stage}",
        f"to_stage {stage}",
    )
