"""The ideas of the funnel that no model may break: 3, 5, 7 and 9."""

from collections.abc import Iterator
from typing import Final

from app.domain.finding import Finding, Model, edges_of, ways_from_none
from app.domain.rules import Rules
from app.domain.state import CUSTOMER, LEAD, NONE, OPPORTUNITY, PROSPECT

LADDER: Final = (NONE, LEAD, PROSPECT, OPPORTUNITY, CUSTOMER)
_WON, _REOPENED = "deal.won", "deal.reopened"


def leads_are_not_for_sales(model: Model) -> Iterator[Finding]:
    lead = model.rules.stages[LEAD]
    if lead.is_pipeline or lead.kind == "service_level" or lead.owner == "sales":
        yield model.finding(
            "idea 3", ("stages", LEAD), "a lead is not ready for sales: it is in no pipeline",
            "give it the kind inventory, the owner marketing and no `pipeline`",
        )  # fmt: skip


def no_stage_is_skipped(model: Model) -> Iterator[Finding]:
    stages, edges = model.rules.stages, edges_of(model)
    for edge in edges:
        is_first = edge.from_stage == NONE and stages[edge.to_stage].kind != "terminal"
        if is_first and edge.to_stage != LEAD:
            yield model.finding(
                "idea 5", ("transitions", edge.transition),
                f"it makes `{edge.to_stage}` a contact's first stage", "begin with `to: lead`",
            )  # fmt: skip
    for rule, passed, goal in (
        ("idea 5", PROSPECT, OPPORTUNITY),
        ("idea 9", OPPORTUNITY, CUSTOMER),
    ):
        last = ways_from_none(edges, without=passed).get(goal) if passed in stages else None
        if last is not None:
            yield _skips(model, rule, last.transition, passed, goal)
    yield from _no_override_skips(model)


def _no_override_skips(model: Model) -> Iterator[Finding]:
    """To a later stage it takes the way up."""
    skipped: dict[tuple[str, str], str] = {}
    for each in model.rules.transitions:
        if each.is_override and {each.from_stage, each.to_stage} <= set(LADDER):
            first, last = LADDER.index(each.from_stage), LADDER.index(each.to_stage)
            between = {*LADDER[first + 1 : last]} & model.rules.stages.keys()
            for stage in between - {hop.to_stage for hop in each.hops}:
                skipped.setdefault((each.id, stage), each.to_stage)
    for (transition, stage), goal in sorted(skipped.items()):
        rule = "idea 9" if stage == OPPORTUNITY else "idea 5"
        yield _skips(model, rule, transition, stage, goal)


def _skips(model: Model, rule: str, transition: str, passed: str, goal: str) -> Finding:
    return model.finding(
        rule, ("transitions", transition),
        f"it reaches `{goal}` without `{passed}` before it",
        f"lead it through `{passed}` (`by_way: true` does, by the section `way`)",
    )  # fmt: skip


def only_intent_makes_an_opportunity(model: Model) -> Iterator[Finding]:
    told: set[str] = set()
    for each in model.rules.transitions:
        entered = [hop for hop in each.hops if hop.to_stage == OPPORTUNITY]
        if each.is_override or each.id in told or not entered:
            continue
        if entered[0].inferred:
            wrong = [trigger for trigger in each.on if trigger != _WON]
        elif "intent_active" in each.guards:
            wrong = []
        else:
            wrong = [trigger for trigger in each.on if not _is_intent(trigger, model.rules)]
        if wrong:
            told.add(each.id)
            yield model.finding(
                "idea 7", ("transitions", each.id),
                f"`{wrong[0]}` is no explicit intent, and it makes an opportunity",
                "add the guard `intent_active`, or leave it out of `on`",
            )  # fmt: skip


def _is_intent(trigger: str, rules: Rules) -> bool:
    """A reopened deal was an opportunity before."""
    if trigger in ("intent", _REOPENED):
        return True
    return trigger in rules.types and all(each.is_intent for each in rules.types[trigger].outcomes)
