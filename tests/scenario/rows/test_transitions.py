"""The transitions: what sets each off, what holds it back, and what it publishes."""

from typing import Any

import pytest

from app.domain.erasure import erase
from tests.scenario.rows.catalogue import row
from tests.unit.domain.story import (
    B2B,
    PROFILE_FIRST,
    WAIT,
    Step,
    Story,
    at_stage,
    interaction,
)

FACT = "qualification.recorded"
DEADLINE = "decision_deadline.communicated"
NOON = 0.5
REPLY: Step = ("email.replied", 1, {})
DEMO: Step = ("demo.requested", 2, {})
STAGES = ("lead", "prospect", "opportunity", "customer", "lost", "recycled", "disqualified")


def fact(criterion: str, value: Any, day: float, **more: Any) -> Step:
    return FACT, day, {"criterion": criterion, "value": value, **more}


def customer_again() -> Story:
    """A customer with a new opportunity since day 2, in the second cycle."""
    one = at_stage("customer").play(fact("industry", "met", 1), DEMO)
    assert one.moves == ["T15 opportunity"]
    return one.forget()


@row("6:T1")
def test_a_person_that_shows_interest_is_a_lead(row: str) -> None:
    for kind in ("website.visited", "newsletter.signed_up", "webinar.attended"):
        one = Story().play((kind, 1, {}))
        assert (one.moves, one.said) == (["T1 lead"], ["nurture_requested educate"])
    (change,) = one.changes
    assert (change.from_stage, change.cycle, change.view.owner_team) == ("none", 1, "marketing")
    assert [each.guard for each in change.guards] == ["human", "identified"]


@row("6:T2")
def test_a_lead_that_talks_back_and_may_fit_is_a_prospect(row: str) -> None:
    one = at_stage("lead").play(fact("industry", "met", 0), REPLY)
    assert (one.moves, one.said) == (["T2 prospect"], ["nurture_requested convince"])
    at_once = Story().play(fact("industry", "met", 0), REPLY)
    assert (at_once.moves, at_once.said) == (
        ["T1 lead", "T2 prospect"],
        ["nurture_requested convince"],
    )
    by_fact = at_stage("lead").play(fact("budget", "not_met", 0), REPLY, fact("budget", "met", 2))
    assert [(each.transition, each.cause.type) for each in by_fact.changes] == [("T2", FACT)]


@row("6:T3")
def test_explicit_intent_makes_a_prospect_an_opportunity_and_hands_it_over(row: str) -> None:
    one = at_stage("lead").play(fact("industry", "met", 0), REPLY).forget().play(DEMO)
    assert (one.moves, one.opportunities) == (["T3 opportunity"], ["became"])
    assert one.said == [
        "handoff_requested",
        "nurture_withdrawn convince",
        "temperature_changed cold hot",
    ]
    handoff = one.signals[0]
    assert (handoff.transition_id, handoff.transition) == (one.changes[0].transition_id, "T3")
    assert (handoff.from_stage, handoff.to_stage) == ("prospect", "opportunity")
    by_fact = at_stage("prospect").play(fact("pain", "not_met", 1), DEMO, fact("pain", "met", 3))
    assert [(each.transition, each.cause.type) for each in by_fact.changes] == [("T3", FACT)]


@row("6:T3")
def test_a_chained_t3_needs_an_intent_or_a_fact_in_its_step(row: str) -> None:
    """The intent could not count while the budget was not met; that expires on day 3."""
    one = at_stage("lead").play(fact("budget", "not_met", 1, valid_until="2026-03-04"), DEMO)
    one.tell("email.replied", 4)
    assert one.moves == ["T2 prospect"]
    one.tell(FACT, 5, criterion="can_use", value="met")
    assert one.moves == ["T2 prospect", "T3 opportunity"]


@row("6:T4")
def test_with_hold_an_intent_waits_for_the_sector_and_somebody_is_asked_to_find_it_out(
    row: str,
) -> None:
    one = Story(PROFILE_FIRST).play(("demo.requested", NOON, {}))
    assert one.moves == ["T1 lead"]
    assert one.said == [
        "nurture_requested educate",
        "qualification_needed",
        "temperature_changed cold hot",
    ]
    assert one.due("qualification_sla") == "2026-03-03T12:00:00.001Z"
    one.forget().tell("pricing.requested", 30)
    assert "qualification_needed" not in one.said
    one.tell("pricing.requested", 30.5)
    assert one.said[-1] == "qualification_needed"
    one.forget().play(fact("industry", "met", 31))
    assert one.moves == ["T2 prospect", "T3 opportunity"]
    assert {each.cause.type for each in one.changes} == {FACT}
    assert one.due("qualification_sla") is None


@row("6:T4")
def test_with_hold_a_recycled_contact_waits_too_and_a_machine_asks_for_nothing(row: str) -> None:
    one = at_stage("recycled", PROFILE_FIRST)
    one.tell("demo.requested", 1, automated=True)
    one.tell("demo.requested", 1.1, email="info@firm.example")
    assert (one.moves, one.said) == ([], [])
    one.play(DEMO)
    assert (one.moves, one.said[0]) == ([], "qualification_needed")
    one.play(fact("industry", "met", 3))
    assert one.moves == ["T11 prospect", "T3 opportunity"]


@row("6:T4")
def test_with_pass_it_is_asked_where_a_stage_was_entered_without_the_sector(row: str) -> None:
    one = at_stage("lead").play(REPLY)
    assert one.said == ["nurture_requested convince", "qualification_needed"]
    assert one.due("qualification_sla") is not None
    one.forget().play(DEMO)  # within 30 days, and a change of stage ends the clock
    assert "qualification_needed" not in one.said
    assert one.due("qualification_sla") is None
    later = at_stage("lead").play(REPLY, ("demo.requested", 31, {}))
    assert later.said.count("qualification_needed") == 2
    passed_on = at_stage("lead").play(REPLY, fact("industry", "met", 1.1))
    assert passed_on.due("qualification_sla") is None
    clicked = at_stage("lead").play(
        ("email.link_clicked", 1, {}), ("email.link_clicked", 2, {}), (WAIT, 2.1, {})
    )
    assert (clicked.stage, clicked.said[-1]) == ("prospect", "qualification_needed")


@row("6:T5")
@pytest.mark.parametrize(
    ("start", "way"),
    [
        ("none", ["T1 lead", "T2 prospect", "T3 opportunity", "T5 customer"]),
        ("lead", ["T2 prospect", "T3 opportunity", "T5 customer"]),
        ("prospect", ["T3 opportunity", "T5 customer"]),
        ("opportunity", ["T5 customer"]),
        ("lost", ["T12 opportunity", "T5 customer"]),
        ("recycled", ["T11 prospect", "T3 opportunity", "T5 customer"]),
        ("disqualified", ["T14 lead", "T2 prospect", "T3 opportunity", "T5 customer"]),
        ("customer", []),
    ],
)
def test_a_won_deal_makes_a_customer_by_way_of_every_stage(
    row: str, start: str, way: list[str]
) -> None:
    one = at_stage(start).play(("deal.won", 1, {}))
    assert one.moves == way
    assert [each.cause.inferred for each in one.changes] == [True] * (len(way) - 1) + [False][
        : len(way)
    ]
    became = ["became"] if len(way) > 1 else []
    assert one.opportunities == ([*became, "closed won"] if way else [])
    assert "handoff_requested" not in one.said
    assert one.view(1).is_customer
    assert one.contact.fold.cycle == (2 if start == "recycled" else 1)


@row("6:T5")
def test_no_mismatch_is_tested_inside_a_won_deal_and_an_open_hand_off_is_withdrawn(
    row: str,
) -> None:
    one = Story().play(fact("industry", "not_met", 0), ("deal.won", 1, {}))
    assert one.moves == ["T1 lead", "T2 prospect", "T3 opportunity", "T5 customer"]
    asked = Story().play(DEMO).forget().play(("deal.won", 2.1, {}))
    assert (asked.opportunities, asked.said) == (["closed won"], ["handoff_withdrawn"])


@row("6:T6")
def test_the_last_open_deal_lost_with_a_reason_loses_the_opportunity(row: str) -> None:
    one = at_stage("opportunity").play(
        ("deal.updated", 1, {"deal_id": "a"}),
        ("deal.updated", 1.1, {"deal_id": "b"}),
        ("deal.lost", 2, {"deal_id": "a"}),
        ("deal.lost", 2.5, {"deal_id": "c", "reason": ""}),
    )
    assert one.moves == []
    one.tell("deal.lost", 3, deal_id="b", reason="competitor")
    assert (one.moves, one.opportunities) == (["T6 lost"], ["closed lost"])
    assert (one.contact.fold.reason, one.view(3).owner_team) == ("competitor", "sales")
    again = customer_again().play(("deal.lost", 3, {}))
    assert (again.moves, again.opportunities) == (["T6 customer"], ["closed lost"])
    assert (again.view(3).is_customer, again.contact.fold.cycle) == (True, 2)


@row("6:T7")
def test_what_was_lost_is_nurtured_again_after_a_while(row: str) -> None:
    for reason, day in (("price", 32), ("competitor", 92)):
        one = at_stage("opportunity").play(("deal.lost", 2, {"reason": reason})).forget()
        one.wait(day - 0.001)
        assert one.moves == []
        one.wait(day)
        assert (one.moves, one.said) == (["T7 recycled"], ["nurture_requested educate"])
        assert one.changes[0].cause.event_id == "timer:lost_cooldown"
        assert one.changes[0].cause.source == "/funnel"
    never = at_stage("opportunity").play(("deal.lost", 2, {"reason": "no_fit"})).forget()
    never.wait(900)
    assert never.moves == []


@row("6:T8")
def test_an_opportunity_gone_quiet_or_past_its_deadline_or_sent_back_is_recycled(
    row: str,
) -> None:
    known = fact("industry", "met", 0)
    quiet = at_stage("opportunity").play(known, ("meeting.held", 2, {})).forget()
    quiet.wait(62)
    assert (quiet.moves, quiet.opportunities) == (["T8 recycled"], ["closed recycled"])
    assert quiet.said == [
        "sla_breached opp_stale",
        "handoff_withdrawn",
        "nurture_requested convince",
    ]
    late = at_stage("prospect").play(known, (DEADLINE, 1, {"deadline": "2026-03-05"}))
    late.play(("handoff.accepted", 1.5, {}), ("meeting.held", 33, {})).forget()
    late.wait(34)  # the date ends with day 3, and has 30 days of grace
    assert (late.moves, late.changes[0].cause.event_id) == (
        ["T8 recycled"],
        "timer:deadline_grace",
    )
    back = Story().play(known, DEMO).forget()
    back.tell("handoff.rejected", 2.1, transition_id="whatever")
    assert (back.moves, back.opportunities) == (["T8 recycled"], ["closed recycled"])
    assert back.said == ["nurture_requested convince"]  # answered: nothing to withdraw
    assert back.changes[0].cause.actor == "rep-7"


@row("6:T8")
def test_an_open_quote_keeps_the_opportunity_and_a_customer_stays_one(row: str) -> None:
    one = at_stage("opportunity").play(("quote.sent", 1, {"valid_until": "2026-05-10"}))
    one.wait(69.9)
    assert one.moves == []
    one.wait(70.1)  # the quote ends with day 69
    assert one.moves == ["T8 recycled"]
    again = customer_again().play((WAIT, 63, {}))
    assert (again.moves, again.opportunities) == (["T8 customer"], ["closed recycled"])
    assert not [each for each in again.said if "nurture" in each]


@row("6:T9, T10")
def test_who_goes_quiet_is_recycled_and_nurtured(row: str) -> None:
    prospect = at_stage("prospect").play(REPLY).forget().play((WAIT, 121, {}))
    assert prospect.moves == ["T9 recycled"]
    assert prospect.said == ["nurture_requested convince"]
    lead = at_stage("lead").play(("newsletter.signed_up", 1, {})).forget().play((WAIT, 181, {}))
    assert (lead.moves, lead.said) == (["T10 recycled"], ["nurture_requested educate"])


@row("6:T11")
def test_recycled_they_talk_back_in_a_new_cycle(row: str) -> None:
    known = fact("industry", "met", 0)
    one = at_stage("lead").play(known, REPLY, (WAIT, 130, {})).forget()
    one.play(fact("need", "met", 140))  # they talked back before they were recycled
    assert (one.moves, one.contact.fold.cycle) == ([], 1)
    one.tell("email.replied", 150)
    assert (one.moves, one.changes[0].cycle) == (["T11 prospect"], 2)
    assert "nurture_requested convince" in one.said
    chained = at_stage("recycled").play(known, DEMO)
    assert chained.moves == ["T11 prospect", "T3 opportunity"]
    assert [each.cycle for each in chained.changes] == [2, 2]


@row("6:T12")
def test_what_was_lost_comes_back_by_its_deal_or_by_a_new_intent(row: str) -> None:
    lost: Step = ("deal.lost", 1, {})
    reopened: Step = ("deal.reopened", 2, {})
    one = at_stage("opportunity").play(lost).forget().play(reopened)
    assert (one.moves, one.contact.fold.cycle) == (["T12 opportunity"], 1)
    assert (one.opportunities, one.said[0]) == (["became"], "handoff_requested")
    anew = at_stage("opportunity").play(lost).forget().play(DEMO)
    assert (anew.moves, anew.contact.fold.cycle) == (["T12 opportunity"], 2)
    machine = at_stage("opportunity").play(lost).forget()
    machine.tell("demo.requested", 2, automated=True)
    machine.tell("demo.requested", 2.1, email="info@firm.example")
    assert machine.moves == []
    machine.tell("deal.reopened", 3, automated=True)  # the CRM says so
    assert machine.moves == ["T12 opportunity"]
    no_fit = at_stage("opportunity").play(("deal.lost", 1, {"reason": "no_fit"})).forget()
    no_fit.play(DEMO)
    assert no_fit.moves == []
    no_fit.tell("deal.reopened", 3)
    assert no_fit.moves == ["T12 opportunity"]


@row("6:T13")
@pytest.mark.parametrize("start", ["lead", "prospect", "opportunity", "lost", "recycled"])
@pytest.mark.parametrize("reason", ["spam", "industry", "need", "fit"])
def test_a_fundamental_mismatch_disqualifies_with_its_reason(
    row: str, start: str, reason: str
) -> None:
    one = at_stage(start)
    if reason == "spam":
        one.tell("contact.disqualified", 1, reason=reason)
    else:
        one.play(fact(reason, "not_met", 1))
    assert one.moves == ["T13 disqualified"]
    assert one.opportunities == (["closed disqualified"] if start == "opportunity" else [])
    assert one.contact.fold.reason == reason


@row("6:T13")
def test_a_mismatch_is_tested_in_every_step_and_leaves_a_customer_one(row: str) -> None:
    before = Story().play(fact("industry", "not_met", 0), ("newsletter.signed_up", 1, {}))
    assert before.moves == ["T1 lead", "T13 disqualified"]
    customer = at_stage("customer").play(fact("fit", "not_met", 1))
    customer.tell("contact.disqualified", 2)
    assert customer.moves == []
    again = customer_again().play(fact("fit", "not_met", 3))
    assert (again.moves, again.opportunities) == (["T13 customer"], ["closed disqualified"])
    assert again.view(3).is_customer


@row("6:T14")
def test_what_no_longer_disqualifies_lets_the_contact_come_back_as_far_as_guards_allow(
    row: str,
) -> None:
    one = at_stage("lead").play(
        fact("industry", "not_met", 1), ("email.replied", 2, {}), fact("need", "not_met", 3)
    )
    one.forget().play(fact("industry", "met", 4))
    assert one.moves == []  # the need is not met yet
    one.play(fact("need", "met", 5))
    assert one.moves == ["T14 lead", "T2 prospect"]
    expired = at_stage("lead").play(fact("fit", "not_met", 1, valid_until="2026-03-04")).forget()
    expired.play(("newsletter.signed_up", 5, {}))
    assert expired.moves == []
    expired.play(fact("pain", "met", 6))
    assert expired.moves == ["T14 lead"]
    blocked = at_stage("lead").play(
        fact("fit", "not_met", 1), fact("budget", "not_met", 2), fact("fit", "met", 3)
    )
    assert blocked.moves == ["T13 disqualified"]
    person = at_stage("lead").play(("contact.disqualified", 1, {}), fact("fit", "met", 2))
    assert person.moves == ["T13 disqualified"]


@row("6:T15")
def test_a_customer_that_wants_more_is_an_opportunity_in_a_new_cycle(row: str) -> None:
    one = at_stage("customer").play(fact("industry", "met", 1), DEMO)
    (change,) = one.changes
    assert (change.transition, change.cycle, change.view.is_customer) == ("T15", 2, True)
    assert (one.opportunities, one.said) == (
        ["became"],
        ["handoff_requested", "temperature_changed cold hot"],
    )
    one.forget().tell("deal.won", 5)
    assert (one.moves, one.contact.fold.cycle) == (["T5 customer"], 2)
    for against in (fact("fit", "not_met", 1), fact("budget", "not_met", 1)):
        assert at_stage("customer").play(against, DEMO).moves == []
    machine = at_stage("customer")
    machine.tell("demo.requested", 1, automated=True)
    assert machine.moves == []


@row("6:T16")
def test_a_customer_that_leaves_is_won_back(row: str) -> None:
    one = at_stage("customer").play(("customer.churned", 1, {}))
    assert (one.moves, one.said) == (["T16 recycled"], ["nurture_requested win_back"])
    assert not one.view(1).is_customer
    again = customer_again().play(("customer.churned", 2.1, {}))
    assert (again.moves, again.opportunities) == (["T16 recycled"], ["closed recycled"])
    assert again.said == ["handoff_withdrawn", "nurture_requested win_back"]
    assert at_stage("opportunity").play(("customer.churned", 1, {})).moves == []


@row("6:T17")
def test_a_person_moves_anything_anywhere_by_way_of_the_stages_between(row: str) -> None:
    for start in ("none", *STAGES):
        for stage in STAGES:
            one = at_stage(start).play(("stage.override", 1, {"to_stage": stage}))
            assert one.stage == stage
            assert one.contact.fold.pin_until is not None
            assert {each.cycle for each in one.changes} <= {1}
            assert all(each.cause.inferred for each in one.changes[:-1])
            if start != stage:
                assert one.changes[-1].transition == "T17"
            else:
                assert one.changes == []
    up = Story().play(("stage.override", 1, {"to_stage": "customer"}))
    assert up.moves == ["T1 lead", "T2 prospect", "T3 opportunity", "T17 customer"]
    assert up.opportunities == ["became", "closed overridden"]
    back = at_stage("recycled").play(("stage.override", 1, {"to_stage": "opportunity"}))
    assert (back.moves, back.said[0]) == (["T11 prospect", "T17 opportunity"], "handoff_requested")
    for stage in ("won", "erased", "none"):
        refused = at_stage("lead").play(("stage.override", 1, {"to_stage": stage}))
        assert (refused.moves, refused.contact.fold.pin_until) == ([], None)


@row("6:T17")
def test_away_from_customer_a_person_ends_it_and_its_lost_and_disqualified_are_plain(
    row: str,
) -> None:
    for stage in STAGES:
        one = at_stage("customer").play(("stage.override", 1, {"to_stage": stage}))
        assert one.view(1).is_customer is (stage in ("customer", "opportunity"))
    lost = at_stage("opportunity")
    lost.tell("stage.override", 1, to_stage="lost", reason="no_fit", pin_days=0)
    assert lost.due("lost_cooldown") == "2026-04-02T00:00:00Z"
    lost.play(DEMO)
    assert lost.moves[-1] == "T12 opportunity"
    out = at_stage("lead")
    out.tell("stage.override", 1, to_stage="disqualified", pin_days=0)
    out.play(fact("industry", "met", 2))
    assert out.stage == "disqualified"


@row("6:T18")
@pytest.mark.parametrize("stage", STAGES)
def test_an_erasure_leaves_whatever_stage_is_held(row: str, stage: str) -> None:
    one = at_stage(stage)
    request = interaction("privacy.erasure_requested", 2, request_id="r-1")
    change = erase(one.contact, request, B2B).change
    assert (change.transition, change.from_stage, change.to_stage) == ("T18", stage, "erased")
    assert change.outcome == ("erased" if stage == "opportunity" else None)
