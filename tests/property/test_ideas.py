"""The ideas of the funnel that hold in every preset, whatever happens: 3, 5, 7 and 9."""

import pytest
from hypothesis import HealthCheck, given, settings

from app.domain.changes import Change
from app.domain.interaction import Interaction
from app.domain.rules import Rules
from app.models import load_rules, names
from tests.property.arrivals import END, Stored, arrivals, in_order

LADDER = ("none", "lead", "prospect", "opportunity", "customer")
DETOURS = ("lost", "recycled")
"""A person may put somebody there who was never seen before; they come back from there."""
relaxed = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


every = pytest.mark.parametrize("rules", [load_rules(name) for name in names()], ids=names())


@every
@relaxed
@given(arrived=arrivals())
def test_3_no_lead_is_handed_over_or_in_the_pipeline(
    rules: Rules, arrived: list[Interaction]
) -> None:
    one = Stored(rules)
    for each in arrived:
        one.tell(each)
        handoff = one.contact.fold.handoff
        assert one.contact.stage != "lead" or handoff is None or handoff.answer is not None
    one.wait(END)
    for change in one.changes:
        if change.view.stage == "lead":
            assert (change.view.owner_team, change.view.in_pipeline) == ("marketing", False)
    for signal in one.signals:
        if signal.kind == "handoff_requested":
            assert signal.view.stage != "lead"


@every
@relaxed
@given(arrived=arrivals())
def test_5_history_is_a_chain_and_the_first_way_up_skips_no_stage(
    rules: Rules, arrived: list[Interaction]
) -> None:
    ladder = [stage for stage in LADDER if stage == "none" or stage in rules.stages]
    entered, stage = {"none"}, "none"
    natural = [each for each in arrived if each.data.get("to_stage") not in DETOURS]
    for change in history(rules, natural):
        assert change.from_stage == stage
        stage = change.to_stage
        if stage in ladder and stage not in entered:
            assert ladder[ladder.index(stage) - 1] in entered
        entered.add(stage)


@every
@relaxed
@given(arrived=arrivals())
def test_7_only_explicit_intent_a_person_or_a_deal_makes_an_opportunity(
    rules: Rules, arrived: list[Interaction]
) -> None:
    for change in history(rules, arrived):
        if change.to_stage != "opportunity" or change.cause.inferred:
            continue
        kind = rules.types.get(change.cause.type)
        is_intent = kind is not None and any(each.is_intent for each in kind.outcomes)
        is_told = change.cause.type in ("stage.override", "deal.reopened")
        is_known = any(each.guard == "intent_active" and each.passed for each in change.guards)
        assert is_intent or is_told or is_known


@every
@relaxed
@given(arrived=arrivals())
def test_9_every_customer_was_an_opportunity_just_before(
    rules: Rules, arrived: list[Interaction]
) -> None:
    for change in history(rules, arrived):
        assert change.to_stage != "customer" or change.from_stage == "opportunity"


def history(rules: Rules, arrived: list[Interaction]) -> list[Change]:
    """As it stands in the end: told in order, nothing is taken back but by a retraction."""
    one = Stored(rules)
    taken_back = {
        (each.data["event_source"], each.data["event_id"])
        for each in arrived
        if each.type == "event.retracted"
    }
    for each in in_order(arrived):
        if (each.source, each.id) not in taken_back:
            one.tell(each)
    one.wait(END)
    return one.changes
