"""The timers: what arms each, when it is due, what it does, and what holds it up."""

import pytest

from app.domain.model import extended
from app.domain.rules import Rules
from app.models import load_definition, rules_of
from tests.scenario.rows.catalogue import row
from tests.unit.domain.story import PROFILE_FIRST, WAIT, Step, Story, at_stage

SECOND = 1 / 86_400
HOUR = 1 / 24
FACT = "qualification.recorded"
DEADLINE = "decision_deadline.communicated"
INDUSTRY: Step = (FACT, 0, {"criterion": "industry", "value": "met"})
NEED: Step = (FACT, 0, {"criterion": "need", "value": "met"})
# 2026-03-02 is a Monday: day 4 is Friday, 5 and 6 the weekend. Interactions arrive 1 ms after.
MONDAY_NOON, FRIDAY_EVENING, SATURDAY = 0.5, 4.75, 5.5


def in_zone(zone: str, **changes: object) -> Rules:
    definition, lines = load_definition("b2b-default@1")
    changed = extended(definition, {"time_zone": zone, **changes})
    return rules_of(changed, lines, "b2b-default@1.yaml")


@row("7:click_settles")
def test_a_click_counts_two_seconds_after_its_time(row: str) -> None:
    one = at_stage("lead")
    one.tell("email.link_clicked", 1, event_id="first")
    one.tell("email.link_clicked", 2, event_id="c")
    assert one.due("click_settles") == "2026-03-04T00:00:02Z"
    one.wait(2 + SECOND)
    assert one.moves == []
    one.wait(2 + 2 * SECOND)
    (change,) = one.changes
    assert (change.cause.event_id, change.cause.source) == ("timer:click_settles", "/funnel")
    assert change.effective_at - one.contact.fold.last_inbound == 2_000_000  # type: ignore[operator]
    assert change.evidence == ("c", "first")


@row("7:pin_end")
def test_a_pin_holds_guards_and_timers_and_at_its_end_they_are_tested_as_on_a_fact(
    row: str,
) -> None:
    one = Story().play(INDUSTRY, ("stage.override", 1, {"to_stage": "lead"}))
    assert one.due("pin_end") == "2026-04-02T00:00:00Z"
    one.play(("email.replied", 5, {}), ("demo.requested", 6, {}))
    assert one.stage == "lead"
    one.forget().wait(31)
    assert one.moves == ["T2 prospect", "T3 opportunity"]
    assert {each.cause.event_id for each in one.changes} == {"timer:pin_end"}
    short = Story().play(("stage.override", 1, {"to_stage": "prospect", "pin_days": 2}))
    assert short.due("pin_end") == "2026-03-05T00:00:00Z"
    waited = at_stage("lead").play(("email.replied", 1, {})).forget()
    waited.tell("stage.override", 100, to_stage="prospect")  # the same stage: only pins
    assert (waited.moves, waited.due("prospect_idle")) == ([], "2026-07-10T00:00:00Z")
    waited.wait(130)
    assert waited.moves == ["T9 recycled"]  # idle since day 121, and held up


@row("7:pin_end")
@pytest.mark.parametrize(
    ("stage", "kind", "moves"),
    [
        ("opportunity", "deal.won", ["T5 customer"]),
        ("opportunity", "deal.lost", ["T6 lost"]),
        ("lost", "deal.reopened", ["T12 opportunity"]),
        ("customer", "customer.churned", ["T16 recycled"]),
        ("prospect", "contact.disqualified", ["T13 disqualified"]),
        ("prospect", "stage.override", ["T17 lead"]),
        ("prospect", "demo.requested", []),
        ("customer", "demo.requested", []),
        ("opportunity", "handoff.rejected", []),
    ],
)
def test_deals_churn_and_people_move_the_pinned_and_end_the_pin(
    row: str, stage: str, kind: str, moves: list[str]
) -> None:
    one = Story().play(("stage.override", 0, {"to_stage": stage})).forget()
    one.tell(kind, 1, **({"pin_days": 0} if kind == "stage.override" else {}))
    assert one.moves == moves
    assert (one.due("pin_end") is None) is bool(moves)


@row("7:qualification_sla")
def test_whoever_is_asked_for_the_sector_has_a_business_day(row: str) -> None:
    one = Story(PROFILE_FIRST).play(("demo.requested", FRIDAY_EVENING, {})).forget()
    assert one.due("qualification_sla") == "2026-03-09T17:00:00Z"
    one.wait(7 + 17 * HOUR)
    assert one.said[-1] == "sla_breached qualification_sla"
    assert one.signals[-1].cause.event_id == "timer:qualification_sla"
    assert one.signals[-1].details["due"] == "2026-03-09T17:00:00Z"
    in_time = Story(PROFILE_FIRST).play(
        ("demo.requested", 0.5, {}), (*INDUSTRY[:1], 1, INDUSTRY[2])
    )
    assert in_time.due("qualification_sla") is None
    gone = Story(PROFILE_FIRST).play(("demo.requested", 0.5, {}), ("contact.disqualified", 1, {}))
    assert gone.due("qualification_sla") is None


@row("7:hot_followup, warm_followup")
def test_the_hot_are_followed_up_in_four_business_hours_and_the_warm_in_two_days(
    row: str,
) -> None:
    hot = at_stage("lead").play(INDUSTRY, ("demo.requested", MONDAY_NOON, {}))
    assert hot.due("hot_followup") == "2026-03-02T16:00:00.001Z"
    late = at_stage("lead").play(INDUSTRY, ("demo.requested", 15 * HOUR, {}))
    assert late.due("hot_followup") == "2026-03-03T11:00:00.001Z"
    weekend = at_stage("lead").play(INDUSTRY, ("demo.requested", SATURDAY, {}))
    assert weekend.due("hot_followup") == "2026-03-09T13:00:00Z"
    warm = at_stage("lead").play(NEED, ("newsletter.signed_up", FRIDAY_EVENING, {}))
    assert warm.due("warm_followup") == "2026-03-10T17:00:00Z"
    warm.forget().wait(8 + 17 * HOUR)
    assert warm.said == ["sla_breached warm_followup"]


@row("7:hot_followup, warm_followup")
def test_a_sales_interaction_or_cooling_ends_the_follow_up_and_a_warm_one_gets_hot(
    row: str,
) -> None:
    one = at_stage("lead").play(NEED, ("newsletter.signed_up", MONDAY_NOON, {}))
    one.tell("demo.requested", MONDAY_NOON + HOUR)
    assert one.due("warm_followup") is None
    assert one.due("hot_followup") == "2026-03-03T09:00:00.001Z"
    one.tell("owner.assigned", MONDAY_NOON + 2 * HOUR)
    assert one.due("hot_followup") is None
    cooled = at_stage("lead").play(NEED, ("newsletter.signed_up", FRIDAY_EVENING, {}))
    cooled.tell(FACT, SATURDAY, criterion="need", value="unknown")
    assert (cooled.view(SATURDAY).temperature, cooled.due("warm_followup")) == ("cold", None)


@row("7:hot_followup, warm_followup")
def test_nobody_follows_up_the_disqualified(row: str) -> None:
    one = at_stage("lead").play(("demo.requested", 1, {}), ("contact.disqualified", 1.1, {}))
    assert one.due("hot_followup") is None
    one = at_stage("disqualified").play(("demo.requested", 1, {}))
    assert (one.view(1).temperature, one.due("hot_followup")) == ("hot", None)


@row("7:hot_followup, warm_followup")
def test_clocks_run_in_the_models_zone_over_its_holidays_from_the_arrival(row: str) -> None:
    rules = in_zone(
        "Europe/Berlin",
        business_hours={"days": ["mon", "tue", "wed", "thu", "fri"], "from": 9, "to": 17,
                        "holidays": ["2026-03-03"]},
    )  # fmt: skip
    one = at_stage("lead", rules).play(("demo.requested", 15 * HOUR, {}))  # 16:00 there
    assert one.due("hot_followup") == "2026-03-04T11:00:00.001Z"
    six_days = at_stage("lead").play(("demo.requested", MONDAY_NOON, {"after": 6}))
    assert six_days.due("hot_followup") == "2026-03-09T13:00:00Z"  # it came on Sunday


@row("7:handoff_accept")
def test_sales_has_a_business_day_to_answer(row: str) -> None:
    one = at_stage("lead").play(INDUSTRY, ("demo.requested", MONDAY_NOON, {})).forget()
    assert one.due("handoff_accept") == "2026-03-03T12:00:00.001Z"
    one.tell("owner.assigned", 0.6)
    one.wait(1.6)
    assert one.said == ["sla_breached handoff_accept"]
    for answer in ("handoff.accepted", "handoff.rejected", "deal.lost", "deal.won"):
        ended = at_stage("lead").play(
            INDUSTRY, ("demo.requested", MONDAY_NOON, {}), (answer, 0.6, {})
        )
        assert ended.due("handoff_accept") is None


@row("7:opp_stale")
def test_an_opportunity_is_warned_of_after_30_days_and_recycled_after_60(row: str) -> None:
    one = at_stage("opportunity").play(("handoff.accepted", 1, {}), ("email.replied", 2, {}))
    one.forget()
    assert one.due("opp_stale_warning") == "2026-04-03T00:00:00Z"
    assert one.due("opp_stale") == "2026-05-03T00:00:00Z"
    one.wait(32)
    assert one.said == ["sla_breached opp_stale"]
    one.tell("deal.updated", 40)
    assert one.due("opp_stale_warning") == "2026-05-11T00:00:00Z"
    assert one.due("opp_stale") == "2026-06-10T00:00:00Z"
    one.tell("email.opened", 99)
    one.tell("email.replied", 99.5, automated=True)
    one.wait(100)
    assert one.moves == ["T8 recycled"]
    assert one.due("opp_stale") is None


@row("7:deadline_near, deadline_grace")
def test_a_stated_deadline_warns_a_week_before_and_has_30_days_of_grace(row: str) -> None:
    one = at_stage("prospect").play(INDUSTRY, (DEADLINE, 1, {"deadline": "2026-04-30"})).forget()
    assert one.due("deadline_near") == "2026-04-24T00:00:00Z"
    assert one.due("deadline_grace") == "2026-05-31T00:00:00Z"
    one.play(("handoff.accepted", 1, {}), ("meeting.held", 50, {})).forget()
    one.wait(53)
    assert one.said == ["deadline_near"]
    again = at_stage("prospect").play(INDUSTRY, (DEADLINE, 1, {"deadline": "2026-04-30"}))
    again.tell("demo.requested", 5)  # a later intent cancels both
    assert (again.due("deadline_near"), again.due("deadline_grace")) == (None, None)
    again.tell(DEADLINE, 6, deadline="2026-05-31")
    assert again.due("deadline_near") == "2026-05-25T00:00:00Z"
    near = at_stage("prospect").play((DEADLINE, 1, {"deadline": "2026-03-05"}))
    warned = next(each for each in near.signals if each.kind == "deadline_near")
    assert warned.details == {"due": "2026-03-03T00:00:00Z"}  # when it was stated, not before
    gone = at_stage("prospect").play((DEADLINE, 1, {"deadline": "2026-03-01"}))
    assert gone.due("deadline_near") is None


@row("7:deadline_near, deadline_grace")
def test_an_unused_deadline_is_carried_into_the_next_cycle_and_a_used_one_is_not(
    row: str,
) -> None:
    unused = at_stage("lead", PROFILE_FIRST).play((DEADLINE, 1, {"deadline": "2026-12-31"}))
    unused.play((WAIT, 182, {}))
    assert unused.stage == "recycled"
    unused.play(("email.replied", 190, {}), (FACT, 191, {"criterion": "industry", "value": "met"}))
    assert (unused.stage, unused.contact.fold.cycle) == ("opportunity", 2)
    assert unused.due("deadline_grace") == "2027-01-31T00:00:00Z"
    used = at_stage("prospect").play((DEADLINE, 1, {"deadline": "2026-12-31"}))
    used.play(("handoff.rejected", 2, {}), ("email.replied", 3, {}))
    assert (used.stage, used.contact.fold.cycle) == ("prospect", 2)
    assert used.due("deadline_near") is None


@row("7:deadline_near, deadline_grace")
def test_the_grace_of_a_deadline_that_had_passed_runs_from_the_entry(row: str) -> None:
    """Stage timers run from the later of their activity and the entry into the stage."""
    one = at_stage("prospect").play((FACT, 0, {"criterion": "pain", "value": "not_met"}))
    one.play(
        (DEADLINE, 1, {"deadline": "2026-03-10"}), (FACT, 20, {"criterion": "pain", "value": "met"})
    )
    assert one.stage == "opportunity"
    assert one.due("deadline_grace") == "2026-04-21T00:00:00Z"


@row("7:trial_ending, quote_expiring")
def test_the_end_of_a_trial_and_of_each_quote_is_warned_of_three_days_before(row: str) -> None:
    trial = at_stage("lead").play(INDUSTRY, ("trial.started", 1, {"trial_end": "2026-03-20"}))
    trial.play(("handoff.accepted", 1.1, {})).forget()
    assert trial.due("trial_ending") == "2026-03-18T00:00:00Z"
    trial.wait(16)
    assert trial.said[0] == "trial_ending"
    assert trial.signals[0].details == {"due": "2026-03-18T00:00:00Z"}
    quotes = at_stage("opportunity").play(
        ("handoff.accepted", 0.1, {}),
        ("quote.sent", 1, {"quote_id": "a", "valid_until": "2026-03-25"}),
        ("quote.sent", 1.1, {"quote_id": "b", "valid_until": "2026-03-15"}),
    )
    quotes.forget()
    assert quotes.due("quote_expiring") == "2026-03-13T00:00:00Z"
    quotes.wait(12)
    assert quotes.due("quote_expiring") == "2026-03-23T00:00:00Z"
    quotes.wait(22)
    assert quotes.said == ["quote_expiring", "quote_expiring"]
    ended = at_stage("opportunity").play(("quote.sent", 1, {}), ("deal.lost", 2, {}))
    assert ended.due("quote_expiring") is None


@row("7:prospect_idle, lead_dormant")
def test_prospects_are_idle_after_120_days_and_leads_dormant_after_180(row: str) -> None:
    prospect = at_stage("lead").play(("email.replied", 10, {}))
    assert prospect.due("prospect_idle") == "2026-07-10T00:00:00Z"
    prospect.play(("website.visited", 20, {}), ("deal.updated", 30, {}))
    assert prospect.due("prospect_idle") == "2026-07-20T00:00:00Z"
    lead = at_stage("lead").play(("newsletter.signed_up", 10, {}))
    assert lead.due("lead_dormant") == "2026-09-08T00:00:00Z"
    entered = at_stage("none").play(("newsletter.signed_up", 0, {}), ("stage.override", 50, {
        "to_stage": "prospect", "pin_days": 0}))  # fmt: skip
    assert entered.due("prospect_idle") == "2026-08-19T00:00:00Z"


@row("7:lost_cooldown")
def test_what_was_lost_cools_down_30_days_and_90_if_a_competitor_won(row: str) -> None:
    for reason, due in (
        ("price", "2026-04-02T00:00:00Z"),
        ("competitor", "2026-06-01T00:00:00Z"),
        ("no_fit", None),
    ):
        one = at_stage("opportunity").play(("deal.lost", 1, {"reason": reason}))
        assert one.due("lost_cooldown") == due


@row("7:score_crossing")
def test_the_temperature_falls_by_time_alone_when_its_conditions_have_ended(row: str) -> None:
    one = at_stage("lead").play(INDUSTRY, ("demo.requested", 1, {}), ("meeting.held", 1, {}))
    one.play(("handoff.accepted", 1, {})).forget()
    assert one.due("score_crossing") == "2026-03-17T00:00:00.000001Z"
    one.wait(15.001)  # no intent within 14 d any more; the engagement is far below 65
    assert one.said == ["temperature_changed hot warm"]
    assert one.signals[0].cause.event_id == "timer:score_crossing"


@row("7:score_crossing")
def test_a_band_is_left_5_points_below_it_or_24_hours_after_its_conditions(row: str) -> None:
    """Four replies are 80 points of 45 days: 70 after 8.67 d, 65 only after 13.5 d."""
    one = at_stage("customer")
    for n in range(4):
        one.tell("email.replied", 0, event_id=str(n))
    assert one.view(0).temperature == "hot"
    one.wait(9)
    assert one.view(9).temperature == "hot"
    one.wait(9.66)
    assert one.view(9.66).temperature == "hot"
    one.wait(9.68)  # 24 h after 8.67 d
    assert one.view(9.68).temperature == "warm"
    rules = in_zone("UTC", interactions={"website.visited": {
        "half_life": "1 d", "points": 80, "cap_per_day": 80}})  # fmt: skip
    quick = at_stage("customer", rules).play(("website.visited", 0, {}))
    quick.wait(0.29)  # 65.4: below 70 since 0.19 d
    assert quick.view(0.29).temperature == "hot"
    quick.wait(0.3)  # 65
    assert quick.view(0.3).temperature == "warm"


@row("7:score_crossing")
def test_a_deadline_makes_hot_when_it_comes_within_30_days_and_starts_the_clock(row: str) -> None:
    one = at_stage("customer").play(("deal.won", 0, {}))
    one.play((DEADLINE, 1, {"deadline": "2026-06-30"}), ("meeting.held", 1, {}))
    one.wait(90.9)
    assert one.view(90.9).temperature == "cold"
    one.forget().wait(91)  # the date ends with day 120
    assert one.said == ["temperature_changed cold hot"]
    assert one.due("hot_followup") == "2026-06-01T13:00:00Z"


@row("7:retention_due")
def test_retention_is_due_36_months_after_the_last_activity(row: str) -> None:
    one = at_stage("none").play(("newsletter.signed_up", 0, {})).forget()
    assert one.due("retention_due") == "2029-03-02T00:00:00Z"
    one.wait(200)
    assert (one.stage, one.due("retention_due")) == ("recycled", "2029-03-02T00:00:00Z")
    one.wait(1_096)
    assert one.said[-1] == "retention_due"
    one.tell("deal.updated", 1_097)
    assert one.due("retention_due") == "2032-03-03T00:00:00Z"
