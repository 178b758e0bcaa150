"""The table of transitions: each fires when its guards hold, and not otherwise."""

from typing import Any

import pytest

from app.domain.changes import Verdict
from tests.unit.domain.story import B2B, PROFILE_FIRST, WAIT, Story, at_stage

Steps = list[tuple[str, float, dict[str, Any]]]
FACT = "qualification.recorded"
REPLY: tuple[str, float, dict[str, Any]] = ("email.replied", 1, {})
DEMO: tuple[str, float, dict[str, Any]] = ("demo.requested", 2, {})
WRONG_SECTOR = (FACT, 3, {"criterion": "industry", "value": "not_met"})

FIRES: list[tuple[str, str, Steps, list[str]]] = [
    ("newsletter makes a lead", "none", [("newsletter.signed_up", 1, {})], ["T1 lead"]),
    ("a reply makes lead, prospect", "none", [REPLY], ["T1 lead", "T2 prospect"]),
    (
        "a demo request passes every stage",
        "none",
        [DEMO],
        ["T1 lead", "T2 prospect", "T3 opportunity"],
    ),
    (
        "a talk at a trade show makes a prospect",
        "lead",
        [("tradeshow.contact_made", 1, {})],
        ["T2 prospect"],
    ),
    (
        "clicks on two days make a prospect",
        "lead",
        [("email.link_clicked", 1, {}), ("email.link_clicked", 2, {}), (WAIT, 3, {})],
        ["T2 prospect"],
    ),
    (
        "a stated deadline is an intent",
        "prospect",
        [("decision_deadline.communicated", 1, {})],
        ["T3 opportunity"],
    ),
    ("won from nowhere is inferred", "none", [("deal.won", 1, {})],
     ["T1 lead", "T2 prospect", "T3 opportunity", "T5 customer"]),
    ("won from lost comes back first", "lost", [("deal.won", 1, {})],
     ["T12 opportunity", "T5 customer"]),
    ("won from disqualified climbs", "disqualified", [("deal.won", 1, {})],
     ["T14 lead", "T2 prospect", "T3 opportunity", "T5 customer"]),
    ("won", "opportunity", [("deal.won", 1, {})], ["T5 customer"]),
    ("lost", "opportunity", [("deal.lost", 1, {})], ["T6 lost"]),
    ("the last open deal lost", "opportunity",
     [("deal.updated", 1, {"deal_id": "a"}), ("deal.updated", 1.1, {"deal_id": "b"}),
      ("deal.lost", 2, {"deal_id": "a"}), ("deal.lost", 3, {"deal_id": "b"})], ["T6 lost"]),
    ("a person disqualifies a lead", "lead", [("contact.disqualified", 1, {})],
     ["T13 disqualified"]),
    ("a wrong sector disqualifies a prospect", "prospect", [WRONG_SECTOR], ["T13 disqualified"]),
    ("no fit disqualifies an opportunity", "opportunity",
     [(FACT, 1, {"criterion": "fit", "value": "not_met"})], ["T13 disqualified"]),
    ("a mismatch known before the first sign of life", "none",
     [WRONG_SECTOR, ("newsletter.signed_up", 4, {})], ["T1 lead", "T13 disqualified"]),
    ("a mended sector brings the contact back, as far as guards allow", "lead",
     [WRONG_SECTOR, ("email.replied", 4, {}), (FACT, 5, {})],
     ["T13 disqualified", "T14 lead", "T2 prospect"]),
    ("a fact lets a waiting intent go on", "lead",
     [(FACT, 1, {"criterion": "budget", "value": "not_met"}), DEMO,
      (FACT, 3, {"criterion": "budget", "value": "met"})], ["T2 prospect", "T3 opportunity"]),
    ("an override upwards infers the stages between", "none",
     [("stage.override", 1, {"to_stage": "opportunity"})],
     ["T1 lead", "T2 prospect", "T17 opportunity"]),
    ("lost for a while is nurtured again", "lost", [(WAIT, 31, {})], ["T7 recycled"]),
    ("a quiet opportunity goes back", "opportunity", [(WAIT, 61, {})], ["T8 recycled"]),
    ("a quiet prospect goes back", "prospect", [(WAIT, 121, {})], ["T9 recycled"]),
    ("a quiet lead goes back", "lead", [(WAIT, 181, {})], ["T10 recycled"]),
    ("recycled, they talk back", "recycled", [REPLY], ["T11 prospect"]),
    ("recycled, they show intent", "recycled", [DEMO], ["T11 prospect", "T3 opportunity"]),
    ("lost, they show intent", "lost", [DEMO], ["T12 opportunity"]),
    ("a customer wants more", "customer", [DEMO], ["T15 opportunity"]),
    ("a customer leaves", "customer", [("customer.churned", 1, {})], ["T16 recycled"]),
    ("an override downwards is one move", "customer",
     [("stage.override", 1, {"to_stage": "lead"})], ["T17 lead"]),
]  # fmt: skip

STAYS: list[tuple[str, str, Steps]] = [
    ("an opened mail makes no lead", "none", [("email.opened", 1, {})]),
    ("a bot makes no lead", "none", [("website.visited", 1, {"automated": True})]),
    ("our own campaign makes no lead", "none", [("campaign.contacted", 1, {})]),
    ("a role mailbox makes no lead", "none", [("newsletter.signed_up", 1, {"email": "info@x.io"})]),
    ("an auto-reply makes no prospect", "lead", [("email.replied", 1, {"is_auto_reply": True})]),
    ("a bot's demo request is no intent", "prospect", [("demo.requested", 1, {"automated": True})]),
    ("one click is not enough", "lead", [("email.link_clicked", 1, {}), (WAIT, 3, {})]),
    ("two clicks on one day are not enough", "lead",
     [("email.link_clicked", 1, {}), ("email.link_clicked", 1.5, {}), (WAIT, 3, {})]),
    ("a call nobody answered", "lead", [("phone.call_held", 1, {"outcome": "no_answer"})]),
    ("a reply is no intent", "prospect", [("email.replied", 1, {})]),
    ("a deadline that had passed is no intent", "prospect",
     [("decision_deadline.communicated", 1, {"deadline": "2026-02-01"})]),
    ("a pain that is not met", "prospect",
     [(FACT, 0.5, {"criterion": "pain", "value": "not_met"}), ("demo.requested", 1, {})]),
    ("a budget that is not met", "lead",
     [(FACT, 0.5, {"criterion": "budget", "value": "not_met"}), REPLY]),
    ("opted out of processing", "lead", [("contact.opted_out", 0.5, {}), REPLY]),
    ("another deal is open", "opportunity",
     [("deal.updated", 1, {"deal_id": "a"}), ("deal.lost", 2, {"deal_id": "b"})]),
    ("a closed deal is not opened by an update", "prospect",
     [("deal.lost", 1, {}), ("deal.updated", 2, {})]),
    ("a customer who buys again stays", "customer", [("deal.won", 1, {})]),
    ("a mismatch does not touch a customer", "customer", [WRONG_SECTOR]),
    ("no fact undoes what a person decided", "disqualified", [(FACT, 4, {})]),
    ("an override to where the contact is", "lead", [("stage.override", 1, {})]),
    ("an override to a stage the model lacks", "lead",
     [("stage.override", 1, {"to_stage": "won"})]),
    ("an override without a reason", "prospect", [("stage.override", 1, {"reason": ""})]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("stage", "steps", "moves"), [case[1:] for case in FIRES], ids=[case[0] for case in FIRES]
)
def test_transition_fires(stage: str, steps: Steps, moves: list[str]) -> None:
    one = at_stage(stage).play(*steps)
    assert one.moves == moves


@pytest.mark.parametrize(("stage", "steps"), [c[1:] for c in STAYS], ids=[c[0] for c in STAYS])
def test_contact_stays(stage: str, steps: Steps) -> None:
    one = at_stage(stage).play(*steps)
    assert one.moves == []


def test_every_transition_of_the_models_is_in_the_table() -> None:
    fired = {move.partition(" ")[0] for _, _, _, moves in FIRES for move in moves}
    assert {each.id for each in B2B.transitions} <= fired


def test_with_profile_first_an_intent_waits_for_the_sector_and_then_passes_all_stages() -> None:
    one = Story(PROFILE_FIRST)
    one.tell("demo.requested", 1)
    assert one.stage == "lead"
    one.tell(FACT, 2, criterion="industry", value="met")
    assert one.moves == ["T1 lead", "T2 prospect", "T3 opportunity"]
    assert {change.effective_at for change in one.changes[1:]} == {one.changes[1].effective_at}


def test_an_intent_is_used_by_the_opportunity_it_made() -> None:
    one = Story()
    one.tell("demo.requested", 1)
    one.tell("stage.override", 2, to_stage="prospect", pin_days=0)
    one.tell(FACT, 3, criterion="need", value="met")
    assert one.stage == "prospect"


def test_an_intent_during_an_opportunity_is_used_too() -> None:
    one = at_stage("opportunity")
    one.tell("pricing.requested", 1)
    one.tell("decision_deadline.communicated", 1.5)
    one.tell("stage.override", 2, to_stage="prospect", pin_days=0)
    one.tell(FACT, 3, criterion="need", value="met")
    assert one.stage == "prospect"


def test_a_fact_that_expired_is_unknown_and_no_older_one_returns() -> None:
    one = at_stage("lead")
    one.tell(FACT, 1, criterion="budget", value="not_met")
    one.tell(FACT, 2, criterion="budget", value="not_met", valid_until="2026-03-06")
    one.tell("email.replied", 3)
    assert one.stage == "lead"
    one.tell("email.replied", 6)
    assert one.stage == "prospect"


def test_inferred_stages_are_marked_and_the_last_move_is_not() -> None:
    one = Story()
    one.tell("deal.won", 1)
    assert [change.cause.inferred for change in one.changes] == [True, True, True, False]


def test_entering_and_leaving_an_opportunity_says_so_with_its_outcome() -> None:
    one = Story()
    one.tell("demo.requested", 1)
    one.tell("deal.lost", 2)
    assert [(c.opportunity, c.outcome) for c in one.changes] == [
        (None, None),
        (None, None),
        ("became", None),
        ("closed", "lost"),
    ]


@pytest.mark.parametrize(
    ("kind", "options", "outcome"),
    [
        ("deal.won", {}, "won"),
        ("deal.lost", {}, "lost"),
        ("contact.disqualified", {}, "disqualified"),
        ("stage.override", {"to_stage": "lead"}, "overridden"),
    ],
)
def test_outcome_of_an_opportunity(kind: str, options: dict[str, Any], outcome: str) -> None:
    one = at_stage("opportunity")
    one.tell(kind, 1, **options)
    assert one.changes[-1].outcome == outcome


def test_customer_ends_by_an_override_away_except_to_opportunity() -> None:
    one = at_stage("customer")
    one.tell("stage.override", 1, to_stage="opportunity")
    assert one.changes[-1].view.is_customer
    one.tell("stage.override", 2, to_stage="lead")
    assert not one.changes[-1].view.is_customer


def test_disqualified_by_override_counts_as_by_a_person() -> None:
    one = at_stage("lead")
    one.tell("stage.override", 1, to_stage="disqualified", pin_days=0)
    one.tell(FACT, 2)
    assert one.stage == "disqualified"


def test_a_duplicate_changes_nothing_whatever_its_time() -> None:
    one = Story()
    one.tell("email.replied", 1, event_id="x")
    before = one.contact.take_change()
    assert before is not None
    assert one.tell("demo.requested", 40, event_id="x").verdict is Verdict.DUPLICATE
    assert one.contact.take_change() is None


def test_the_same_id_from_another_source_is_another_interaction() -> None:
    one = Story()
    one.tell("newsletter.signed_up", 1, event_id="x", source="/a")
    assert one.tell("email.replied", 2, event_id="x", source="/b").verdict is Verdict.APPLIED
