"""What a model that compiles may still get wrong: ends nobody reaches, promises it can't keep."""

from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any, Final

from app.domain.entry import TIMER
from app.domain.finding import Finding, Model, edges_of, ways_from_none
from app.domain.invariants import (
    leads_are_not_for_sales,
    no_stage_is_skipped,
    only_intent_makes_an_opportunity,
)
from app.domain.reading import Locate
from app.domain.rules import Rules, Transition
from app.domain.state import LEAD, LOST, OPPORTUNITY, PROSPECT

GATES: Final = {"icp_unknown": "icp", "budget_gate": "not_blocked", "authority_gate": "not_blocked"}
"""Each with the guard that asks it."""
ARMED_IN: Final = {
    "opp_stale": OPPORTUNITY,
    "deadline_grace": OPPORTUNITY,
    "prospect_idle": PROSPECT,
    "lead_dormant": LEAD,
    "lost_cooldown": LOST,
}
"""The timers that move a contact, each with the stage in which it runs."""
_OPPOSITES: Final = ({"customer", "no_customer"}, {"mismatch", "no_mismatch"})


def lint(definition: Mapping[str, Any], rules: Rules, locate: Locate) -> list[Finding]:
    model = Model(definition, rules, locate)
    return [finding for rule in RULES for finding in rule(model)]


def _unreachable(model: Model) -> Iterator[Finding]:
    reached = ways_from_none(edges_of(model), without=None)
    for stage in model.rules.stages:
        if stage not in reached:
            yield model.finding(
                "unreachable", ("stages", stage), "no transition leads here but an override",
                f"add a transition to `{stage}`, or remove the stage",
            )  # fmt: skip


def _dead_end(model: Model) -> Iterator[Finding]:
    stages = model.rules.stages
    left = {edge.from_stage for edge in edges_of(model) if stages[edge.to_stage].kind != "terminal"}
    for stage in stages.values():
        if stage.name not in left and stage.kind != "terminal":
            yield model.finding(
                "dead end", ("stages", stage.name), "no transition leads on from here",
                f"add a transition from `{stage.name}`, or give it the kind terminal",
            )  # fmt: skip


def _no_priority(model: Model) -> Iterator[Finding]:
    """Where two may be enabled at once, the order of the file would decide."""
    pulled: dict[tuple[str, str], tuple[str, str]] = {}
    for event, stage, moves in _pulled(model.rules):
        for first, second in combinations(moves, 2):
            if first.priority == second.priority and not _exclude(first, second):
                pulled.setdefault((first.id, second.id), (event, stage))
    for (first_id, second_id), (event, stage) in pulled.items():
        yield model.finding(
            "no priority", ("transitions", second_id),
            f"`{event}` in `{stage}` may enable this and {first_id}, and neither goes first",
            "give one another `priority`, or both guards that exclude each other",
        )  # fmt: skip


def _gate_without_default(model: Model) -> Iterator[Finding]:
    knobs = model.definition.get("knobs") or {}
    asked = {guard for each in model.rules.transitions for guard in each.guards}
    for knob, guard in GATES.items():
        if knob not in knobs and guard in asked:
            waits = "hold" if knob == "icp_unknown" else "wait"
            yield model.finding(
                "gate without a default", ("knobs", knob),
                f"the guard {guard} asks it, and it does not say what unknown means",
                f"add `{knob}: pass`, or `{waits}`",
            )  # fmt: skip


def _timer_without_exit(model: Model) -> Iterator[Finding]:
    rules, terms = model.rules, model.rules.terms.terms
    ways = {(each.from_stage, on): each for each in rules.transitions for on in each.on}
    for timer, stage in ARMED_IN.items():
        if timer in terms and stage in rules.stages and (stage, TIMER + timer) not in ways:
            yield model.finding(
                "timer without an exit", ("timers", timer), "it is due, and moves nothing",
                f"add a transition from `{stage}` on `{TIMER}{timer}`, or write `{timer}: null`",
            )  # fmt: skip
    for (stage, trigger), each in ways.items():
        timer = trigger.removeprefix(TIMER)
        if timer not in ARMED_IN or timer == trigger:
            continue
        if ARMED_IN[timer] != stage:
            # One transition may leave several stages: its timer runs in one of them.
            there = ways.get((ARMED_IN[timer], trigger))
            if there is not None and there.id == each.id:
                continue
            mend = f"take `{stage}` from `from`: the timer runs in `{ARMED_IN[timer]}`"
        elif timer not in terms:
            mend = f"add `{timer}: 30 d` to `timers`"
        else:
            continue
        message = f"the timer {timer} never fires in `{stage}`"
        yield model.finding("timer without an exit", ("transitions", each.id), message, mend)


def _pulled(rules: Rules) -> Iterator[tuple[str, str, tuple[Transition, ...]]]:
    """What each event may set off: (event, stage, transitions)."""
    for kind in rules.types.values():
        for outcome in kind.outcomes:
            for stage, moves in outcome.moves.items():
                yield kind.name, stage, moves
    for trigger, by_stage in rules.timer_moves.items():
        for stage, moves in by_stage.items():
            yield trigger, stage, moves


def _exclude(first: Transition, second: Transition) -> bool:
    """Never both enabled; the parts of one transition are told apart by the compiler."""
    if first.id == second.id:
        return True
    both = {*first.guards, *second.guards}
    return any(pair <= both for pair in _OPPOSITES)


RULES: Final[tuple[Callable[[Model], Iterator[Finding]], ...]] = (
    _unreachable,
    _dead_end,
    _no_priority,
    _gate_without_default,
    _timer_without_exit,
    leads_are_not_for_sales,
    no_stage_is_skipped,
    only_intent_makes_an_opportunity,
)
