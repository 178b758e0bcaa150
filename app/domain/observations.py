"""What a guard saw, in short words for people, and the ids of the interactions it rests on."""

# ruff: noqa: ARG001 - every observation has the same signature

from app.domain.calendar import DAY
from app.domain.interaction import Microseconds
from app.domain.qualification import (
    BLOCKERS,
    MISMATCHES,
    NOT_MET,
    TRIAD,
    UNKNOWN,
    fact,
    is_any_not_met,
    standing_of,
    told,
)
from app.domain.rules import Observation, Rules, Terms
from app.domain.scoring import fit
from app.domain.state import State

_PROFILE = ("industry", "need")
_BLOCKERS = frozenset(BLOCKERS)


def two_way(state: State, at: Microseconds, rules: Rules) -> Observation:
    since = at - rules.terms.two_way_recent
    strong, weak, before = state.strong, state.weak, state.weak_before
    if strong is not None and strong.at >= since:
        return f"{strong.type} {_ago(strong.at, at)}", (strong.id,)
    if weak is not None and before is not None and before.at >= since:
        said = f"{weak.type} {_ago(weak.at, at)}, {before.type} {_ago(before.at, at)}"
        return said, (before.id, weak.id)
    if weak is not None and weak.at >= since:
        return f"{weak.type} on one day only", (weak.id,)
    return "nothing", ()


def required_two_way(terms: Terms) -> str:
    return f"talked back within {terms.two_way_recent // DAY} d, lightly only: on two days"


def profile(state: State, at: Microseconds, rules: Rules) -> Observation:
    return _criteria(state, at, _PROFILE)


def required_profile(terms: Terms) -> str:
    return "industry met, need not not_met" if terms.is_icp_held else "none of them not_met"


def blockers(state: State, at: Microseconds, rules: Rules) -> Observation:
    gated = rules.terms.gated
    against: list[str] = []
    if is_any_not_met(state, _BLOCKERS, at):
        against = [f"{name} not_met" for name in BLOCKERS if told(state, name, at) == NOT_MET]
    if gated:
        against += [f"{name} unknown" for name in gated if told(state, name, at) == UNKNOWN]
    if "processing" in state.opted_out:
        against.append("opted out of processing")
    return ", ".join(against) or "nothing against", _ids(state, gated)


def required_blockers(terms: Terms) -> str:
    known = f", {' and '.join(terms.gated)} known" if terms.gated else ""
    return "nothing not_met, not opted out of processing" + known


def intent(state: State, at: Microseconds, rules: Rules) -> Observation:
    shown, deadline = state.intent, state.deadline
    if shown is not None and at - shown.at <= rules.terms.intent_active:
        return f"{shown.type} {_ago(shown.at, at)}", (shown.id,)
    if deadline is not None and not deadline.is_used:
        ahead = deadline.due - at
        when = f"in {ahead // DAY} d" if ahead > 0 else f"passed {_ago(deadline.due, at)}"
        return f"deadline {when}", (deadline.id,)
    if shown is not None:
        return f"{shown.type} {_ago(shown.at, at)}", (shown.id,)
    return "nothing", ()


def required_intent(terms: Terms) -> str:
    return (
        f"intent within {terms.intent_active // DAY} d, or a stated deadline passed by no more"
        f" than {terms.deadline_grace // DAY} d"
    )


def triad(state: State, at: Microseconds, rules: Rules) -> Observation:
    return _criteria(state, at, TRIAD)


def mismatches(state: State, at: Microseconds, rules: Rules) -> Observation:
    return _criteria(state, at, MISMATCHES)


def barred(state: State, at: Microseconds, rules: Rules) -> Observation:
    return "a person disqualified" if state.is_barred else "no person disqualified", ()


def deals(state: State, at: Microseconds, rules: Rules) -> Observation:
    return f"{len(state.open_deals)} deals open", ()


def required_two_way_since(terms: Terms) -> str:
    return f"talked back since, within {terms.two_way_recent // DAY} d, lightly only: on two days"


def our_fit(state: State, at: Microseconds, rules: Rules) -> Observation:
    return _criteria(state, at, ("fit",))


def budget(state: State, at: Microseconds, rules: Rules) -> Observation:
    return _criteria(state, at, ("budget",))


def authority(state: State, at: Microseconds, rules: Rules) -> Observation:
    known = fact(state, "authority", at)
    return ("unknown", ()) if known is None else (str(known.value), (known.id,))


def content(state: State, at: Microseconds, rules: Rules) -> Observation:
    points = fit(state, standing_of(state, at), rules) / 1000
    if state.content is None:
        return f"no download, fit {points:.0f}", ()
    return f"{state.content.type}, fit {points:.0f}", (state.content.id,)


def required_content(terms: Terms) -> str:
    return f"a download and a fit of {terms.content_fit:.0f}"


def quotes(state: State, at: Microseconds, rules: Rules) -> Observation:
    count = sum(quote.until >= at for quote in state.quotes.values())
    return f"{count} quotes open", ()


def customer(state: State, at: Microseconds, rules: Rules) -> Observation:
    return "a customer" if state.is_customer else "no customer", ()


def why_lost(state: State, at: Microseconds, rules: Rules) -> Observation:
    return f"lost for {state.reason or 'no reason'}", ()


def handoff(state: State, at: Microseconds, rules: Rules) -> Observation:
    if state.handoff is None:
        return "no hand-off", ()
    return state.handoff.answer or "open", ()


def _criteria(state: State, at: Microseconds, names: tuple[str, ...]) -> Observation:
    """Those that are known; a fact that expired says unknown."""
    facts = state.facts
    known = [name for name in names if name in facts] if facts else []
    if not known:
        return "none of them known", ()
    said = ", ".join([f"{name} {told(state, name, at)}" for name in known])
    return said, tuple([facts[name].id for name in known])


def _ids(state: State, names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        return names
    facts = state.facts
    return tuple([facts[name].id for name in names if name in facts])


def _ago(then: Microseconds, at: Microseconds) -> str:
    return f"{(at - then) // DAY} d ago"
