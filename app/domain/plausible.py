"""What could happen next to a contact: one example of each kind of interaction that matters."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from app.domain.calendar import DAY
from app.domain.guards import OR, PROCESSING
from app.domain.interaction import Microseconds
from app.domain.qualification import BLOCKERS, MET, MISMATCHES, NOT_MET, TRIAD, fact, told
from app.domain.records import RECORDS
from app.domain.rules import InteractionType, Outcome, Rules, Transition
from app.domain.state import State
from app.domain.timestamps import format_rfc3339

OPEN_DEALS_TOLD: Final = 4
DATES: Final = frozenset(("deadline", "trial_end", "valid_until", "until", "expected_close"))
"""Fields of data that must lie ahead to mean anything."""
AHEAD: Final = 30 * DAY
VALUES: Final[dict[str, Any]] = {
    "is_auto_reply": False, "conversation": True, "consent": True, "duration_s": 60, "minutes": 30,
    "amount": 1, "currency": "EUR", "fields": {}, "page_url": "https://example.org",
    "url": "https://example.org", "email": "contact@example.org", "reason": "other",
    "direction": "inbound", "outcome": "connected",
}  # fmt: skip
_WANTED: Final = {
    "icp": ("industry",),
    "budget_met": ("budget",),
    "decision_maker": ("authority",),
    "triad_met": TRIAD,
    "content_score": ("industry", "need", "budget", "authority", "company_size"),
}
"""The criteria that a guard may want met; what is not met is wanted met by every guard."""
_WEIGHTS: Final = {
    "one_way": 1, "fact": 1, "score": 1, "profile": 1, "two_way": 2, "intent": 3, "consent": 3,
}  # fmt: skip
WEIGHT_MAX: Final = 4
"""Of what only sales or a deal can bring about."""


class Plausible(NamedTuple):
    """An interaction that could happen, with the least data it needs."""

    type: str
    data: tuple[tuple[str, Any], ...]
    weight: int
    """How much has to happen for it: of two answers of a size the lighter one is given."""


def plausible(
    state: State, at: Microseconds, rules: Rules, ways: Iterable[Transition]
) -> Iterator[Plausible]:
    """What could set off one of these, or mend a guard of one: in the order in which to try."""
    guards = {name for way in ways for each in way.guards for name in each.split(OR)}
    yield from _facts(state, at, rules, guards)
    for kind in rules.types.values():
        if kind.record is RECORDS["opt_in"] and PROCESSING in state.opted_out:
            yield _of(kind, None, at, "consent", {"scope": PROCESSING})
        if "content_score" in guards and {"name", "company"} <= set(kind.flags):
            yield _of(kind, None, at, "profile", {"name": "<name>", "company": "<company>"})
    triggers = {on: None for way in ways if way.from_stage == state.stage for on in way.on}
    for trigger in triggers:
        yield from _triggered(trigger, state, at, rules)


def _facts(state: State, at: Microseconds, rules: Rules, guards: set[str]) -> Iterator[Plausible]:
    kind = next((each for each in rules.types.values() if each.record is RECORDS["fact"]), None)
    if kind is None:
        return
    wanted = {name for guard in guards for name in _WANTED.get(guard, ())} | {*rules.terms.gated}
    for criterion in dict.fromkeys((*BLOCKERS, *TRIAD, "company_size")):
        means = told(state, criterion, at)
        if means == NOT_MET or (criterion in wanted and not _is_best(state, criterion, at)):
            value = _best(criterion, rules)
            yield _of(kind, None, at, "fact", {"criterion": criterion, "value": value})
    if "mismatch" in guards:
        for criterion in MISMATCHES:
            yield _of(kind, None, at, "fact", {"criterion": criterion, "value": NOT_MET})


def _is_best(state: State, criterion: str, at: Microseconds) -> bool:
    known = fact(state, criterion, at)
    if criterion == "company_size":
        return known is not None
    return known is not None and known.value in (MET, "decision_maker")


def _best(criterion: str, rules: Rules) -> str | int:
    if criterion == "company_size":
        return int(rules.terms.company_size[0])
    return "decision_maker" if criterion == "authority" else MET


def _triggered(trigger: str, state: State, at: Microseconds, rules: Rules) -> Iterator[Plausible]:
    """An example of the class, or of the type, that a transition names."""
    if trigger == "fact":
        return
    found = _example(trigger, rules)
    if found is None:
        return
    kind, outcome = found
    for data in _deals(kind, state) if "deal_id" in kind.requires else [{}]:
        yield _of(kind, outcome, at, trigger, data)


def _example(trigger: str, rules: Rules) -> tuple[InteractionType, Outcome] | None:
    """The first in the model that is simply so, else the first that may be so by its data."""
    if trigger in rules.types:
        return rules.types[trigger], rules.types[trigger].outcomes[-1]
    if trigger == "score":
        kinds = [each for each in rules.types.values() if each.record is RECORDS["content"]]
        return (kinds[0], kinds[0].outcomes[-1]) if kinds else None
    fitting = [
        (kind, outcome)
        for kind in rules.types.values()
        if not kind.is_command and not kind.settles
        for outcome in kind.outcomes
        if trigger in outcome.classes and not outcome.is_weak
        if outcome.when is None or not (outcome.when.is_returning or outcome.when.passed)
    ]
    fitting.sort(key=lambda each: each[1].when is not None)
    return fitting[0] if fitting else None


def _deals(kind: InteractionType, state: State) -> list[dict[str, Any]]:
    """Of the deals there are: each that is open, the last that was closed, else a new one."""
    if kind.record is RECORDS["deal_reopened"]:
        return [{"deal_id": deal} for deal in state.closed_deals[-1:]] or [{}]
    return [{"deal_id": deal} for deal in list(state.open_deals)[:OPEN_DEALS_TOLD]] or [{}]


def _of(
    kind: InteractionType,
    outcome: Outcome | None,
    at: Microseconds,
    trigger: str,
    data: dict[str, Any],
) -> Plausible:
    filled = {name: _value(name, at) for name in kind.requires}
    if outcome is not None and outcome.when is not None:
        filled |= {name: allowed[0] for name, allowed in outcome.when.fields}
    return Plausible(kind.name, tuple((filled | data).items()), _WEIGHTS.get(trigger, WEIGHT_MAX))


def _value(name: str, at: Microseconds) -> Any:
    if name in DATES:
        return format_rfc3339(at + AHEAD)[:10]
    return VALUES.get(name, f"<{name}>")
