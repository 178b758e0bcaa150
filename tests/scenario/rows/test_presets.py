"""The presets: the same words told to each, and what is different there."""

from app.domain.rules import Rules
from app.models import load_rules
from tests.scenario.rows.catalogue import row
from tests.unit.domain.story import B2B, PROFILE_FIRST, WAIT, Step, Story, at_stage

FACT = "qualification.recorded"
REPLY: Step = ("email.replied", 1, {})
DEMO: Step = ("demo.requested", 2, {})
WAY_UP = ["T1 lead", "T2 prospect", "T3 opportunity"]


def preset(name: str) -> Rules:
    return load_rules(f"{name}@1")


def fact(criterion: str, value: object, day: float) -> Step:
    return FACT, day, {"criterion": criterion, "value": value}


@row("preset:b2b-default")
def test_b2b_default_lets_what_is_unknown_pass_and_hands_over_at_opportunity(row: str) -> None:
    one = Story(B2B).play(REPLY, ("demo.requested", 1.1, {}))
    assert one.moves == WAY_UP
    assert one.said == [
        "nurture_requested convince",
        "qualification_needed",
        "handoff_requested",
        "nurture_withdrawn convince",
        "temperature_changed cold hot",
    ]


@row("preset:profile-first")
def test_profile_first_waits_for_the_sector(row: str) -> None:
    for kind in ("email.replied", "tradeshow.contact_made", "demo.requested"):
        assert Story(PROFILE_FIRST).play((kind, 1, {})).moves == ["T1 lead"]
    one = Story(PROFILE_FIRST).play(REPLY, fact("need", "met", 2))
    assert one.stage == "lead"
    one.play(fact("industry", "met", 3))
    assert one.stage == "prospect"


@row("preset:content-led")
def test_content_led_takes_a_download_for_a_talk_where_the_fit_is_60(row: str) -> None:
    rules = preset("content-led")
    download: Step = ("content.downloaded", 1, {})
    one = Story(rules).play(download, fact("industry", "met", 2), fact("need", "met", 3))
    assert one.moves == ["T1 lead"]  # a fit of 50
    one.play(fact("company_size", 200, 4))
    assert one.moves == ["T1 lead", "T2 prospect"]
    guard = next(each for each in one.changes[1].guards if each.guard.startswith("two_way"))
    assert guard.observed == "content.downloaded, fit 60"
    facts = [fact("industry", "met", 0), fact("need", "met", 0), fact("budget", "met", 0)]
    fitting = Story(rules).play(*facts, download)
    assert fitting.moves == ["T1 lead", "T2 prospect"]
    assert Story(rules).play(*facts, ("webinar.attended", 1, {})).moves == ["T1 lead"]
    profiled = Story(rules).play(
        download,
        fact("industry", "met", 2),
        fact("budget", "met", 2),
        fact("authority", "influencer", 2),
    )
    assert profiled.moves == ["T1 lead"]  # 55
    profiled.tell("contact.profiled", 3)
    assert (profiled.moves, profiled.changes[-1].cause.type) == (
        ["T1 lead", "T2 prospect"],
        "contact.profiled",
    )
    assert Story(B2B).play(*facts, download).moves == ["T1 lead"]


@row("preset:content-led")
def test_a_score_alone_never_makes_an_opportunity(row: str) -> None:
    """The intent can't count at first; then the download makes a prospect, and no more."""
    rules = preset("content-led")
    facts = [fact(name, "met", 0) for name in ("industry", "need", "budget")]
    against: Step = (
        FACT,
        1,
        {"criterion": "can_use", "value": "not_met", "valid_until": "2026-03-04"},
    )
    one = Story(rules).play(*facts, against, DEMO, ("content.downloaded", 4, {}))
    assert one.moves == ["T1 lead", "T2 prospect"]
    one.play(fact("wants", "met", 5))
    assert one.moves == WAY_UP


@row("preset:strict")
def test_strict_asks_for_the_budget_first_and_for_power_and_all_characteristics_then(
    row: str,
) -> None:
    one = Story(preset("strict")).play(REPLY, DEMO)
    assert one.moves == ["T1 lead"]
    one.play(fact("budget", "met", 3))
    assert one.moves == ["T1 lead", "T2 prospect"]
    for n, (criterion, value) in enumerate(
        (("pain", "met"), ("interest", "met"), ("fit", "met"), ("authority", "influencer"))
    ):
        one.play(fact(criterion, value, 4 + n))
        assert one.stage == "prospect"
    one.play(fact("authority", "decision_maker", 9))
    assert one.moves == WAY_UP


@row("preset:handoff-at-prospect")
def test_handed_over_as_a_prospect_and_not_again_as_an_opportunity(row: str) -> None:
    rules = preset("handoff-at-prospect")
    one = Story(rules).play(fact("industry", "met", 0), REPLY)
    assert one.said == ["handoff_requested", "nurture_requested convince"]
    assert one.view(1).owner_team == "sales"
    one.forget().play(("demo.requested", 1.1, {}))
    assert one.moves == ["T3 opportunity"]
    assert one.said == ["nurture_withdrawn convince", "temperature_changed cold hot"]
    one.forget().tell("handoff.rejected", 1.2)
    assert (one.moves, one.said) == (["T8 recycled"], ["nurture_requested convince"])
    one.forget().tell("email.replied", 3)
    assert (one.moves, one.said[:1]) == (["T11 prospect"], ["handoff_requested"])
    one.forget().tell("handoff.rejected", 3.1)
    assert (one.moves, one.contact.fold.cycle) == (["T8 recycled"], 2)
    assert one.opportunities == []
    idle = Story(rules).play(REPLY).forget().play((WAIT, 130, {}))
    assert idle.moves == ["T9 recycled"]
    assert "handoff_withdrawn" in idle.said


@row("preset:handoff-at-prospect")
def test_an_opportunity_that_was_no_prospect_is_handed_over_there_too(row: str) -> None:
    rules = preset("handoff-at-prospect")
    for stage, kind in (("customer", "demo.requested"), ("lost", "deal.reopened")):
        one = at_stage(stage, rules)
        one.tell(kind, 1)
        assert "handoff_requested" in one.said
    for start in ("none", "lead"):
        up = at_stage(start, rules)
        up.tell("stage.override", 1, to_stage="opportunity")
        assert up.said.count("handoff_requested") == 1


@row("preset:two-stage")
def test_two_stages_know_no_prospect(row: str) -> None:
    rules = preset("two-stage")
    assert "prospect" not in rules.stages
    one = Story(rules).play(REPLY)
    assert one.moves == ["T1 lead"]
    one.forget().play(DEMO)
    assert (one.moves, one.opportunities) == (["T3 opportunity"], ["became"])
    assert [each.guard for each in one.changes[0].guards][:2] == ["two_way_recent", "icp"]
    one.play(("handoff.rejected", 2.1, {})).forget()
    one.tell("email.replied", 3)
    assert (one.moves, one.said) == ([], [])
    one.tell("pricing.requested", 4)
    assert (one.moves, one.contact.fold.cycle) == (["T11 opportunity"], 2)
    assert "handoff_requested" in one.said
    won = Story(rules).play(("deal.won", 1, {}))
    assert won.moves == ["T1 lead", "T3 opportunity", "T5 customer"]
    back = at_stage("recycled", rules).play(("deal.won", 1, {}))
    assert (back.moves, back.contact.fold.cycle) == (["T11 opportunity", "T5 customer"], 2)
    refused = at_stage("lead", rules).play(("stage.override", 1, {"to_stage": "prospect"}))
    assert (refused.moves, refused.contact.fold.pin_until) == ([], None)


@row("preset:two-stage")
def test_two_stages_need_an_intent_or_a_fact_too(row: str) -> None:
    against: Step = (
        FACT,
        1,
        {"criterion": "budget", "value": "not_met", "valid_until": "2026-03-04"},
    )
    one = Story(preset("two-stage")).play(against, DEMO, ("email.replied", 4, {}))
    assert one.moves == ["T1 lead"]
    one.play(fact("can_use", "met", 5))
    assert one.moves == ["T1 lead", "T3 opportunity"]


@row("preset:account-based")
def test_account_based_contacts_move_as_usual_and_ask_for_no_hand_off(row: str) -> None:
    one = Story(preset("account-based")).play(REPLY, DEMO)
    assert (one.moves, one.opportunities) == (WAY_UP, ["became"])
    assert not [each for each in one.said if "handoff" in each]
    assert one.due("handoff_accept") is None
