"""What others see: levels, facets, scores, temperature, owner, touches."""

from typing import Any

import pytest

from app.domain.changes import Touch, View
from app.domain.decide import view
from app.domain.qualification import standing_of
from app.domain.scoring import fit_parts
from tests.unit.domain.story import B2B, DAY, MONDAY, Story, at_stage

Steps = list[tuple[str, float, dict[str, Any]]]
FACT = "qualification.recorded"


def fact(criterion: str, value: Any, day: float = 0, **more: Any) -> tuple[str, float, Any]:
    return FACT, day, {"criterion": criterion, "value": value, **more}


def seen(steps: Steps, day: float = 0, stage: str = "none") -> View:
    one = at_stage(stage).play(*steps)
    one.wait(day)
    return view(one.contact, B2B, MONDAY + round(day * DAY))


@pytest.mark.parametrize(
    ("steps", "levels"),
    [
        ([], ("unknown", "unknown", "unknown")),
        ([fact("industry", "met")], ("unknown", "unknown", "unknown")),
        ([fact("industry", "met"), fact("need", "met")], ("met", "unknown", "unknown")),
        ([fact("industry", "met"), fact("need", "not_met")], ("not_met", "unknown", "unknown")),
        ([fact("can_use", "met"), fact("wants", "met")], ("unknown", "met", "unknown")),
        ([fact("authority", "decision_maker")], ("unknown", "unknown", "met")),
        ([fact("authority", "influencer")], ("unknown", "unknown", "met")),
        ([fact("authority", "none")], ("unknown", "unknown", "not_met")),
        ([fact("industry", "met"), fact("industry", "unknown", 1)], ("unknown",) * 3),
    ],
)
def test_levels(steps: Steps, levels: tuple[str, ...]) -> None:
    found = seen(steps)
    assert (found.organisation, found.opportunity, found.stakeholder) == levels


@pytest.mark.parametrize(
    ("steps", "day", "engagement"),
    [
        ([("newsletter.signed_up", 0, {})], 0, 5_000),
        ([("newsletter.signed_up", 0, {})], 30, 2_500),
        ([("newsletter.signed_up", 0, {}), ("newsletter.signed_up", 30, {})], 30, 7_500),
        ([("email.replied", 0, {})], 45, 10_000),
        ([("email.replied", 0, {"automated": True})], 0, 0),
        ([("phone.call_held", 0, {"direction": "inbound"})], 0, 25_000),
        ([("phone.call_held", 0, {"outcome": "voicemail"})], 0, 0),
        ([("website.visited", n / 100, {"event_id": str(n)}) for n in range(9)], 0.08, 4_986),
        ([("website.visited", n * 0.9, {"event_id": str(n)}) for n in range(2)], 0.9, 1_959),
        ([("demo.requested", 0, {"event_id": str(n)}) for n in range(4)], 0, 100_000),
        ([("deal.updated", 0, {})], 0, 0),
    ],
)
def test_engagement_is_the_decayed_sum_of_points(steps: Steps, day: float, engagement: int) -> None:
    assert seen(steps, day).engagement == pytest.approx(engagement, abs=1)


def test_caps_count_per_day() -> None:
    steps: Steps = [
        ("website.visited", day + n / 100, {"event_id": f"{day}-{n}"})
        for day in (0, 1)
        for n in range(7)
    ]
    assert 9_000 < seen(steps, 1).engagement < 10_000


@pytest.mark.parametrize(
    ("steps", "fit"),
    [
        ([], 0),
        ([fact("industry", "met")], 30),
        ([fact("need", "met"), fact("budget", "met")], 35),
        ([fact("authority", "decision_maker")], 20),
        ([fact("authority", "influencer")], 10),
        ([fact("company_size", 200)], 10),
        ([fact("company_size", 2)], 0),
        ([("contact.profiled", 0, {})], 5),
        ([("contact.profiled", 0, {"company": ""})], 0),
        ([fact("industry", "met", valid_until="2026-02-28")], 0),
    ],
)
def test_fit(steps: Steps, fit: int) -> None:
    assert seen(steps).fit == fit * 1000


def test_every_score_comes_with_its_parts() -> None:
    one = Story()
    for kind, day, options in (fact("industry", "met"), fact("authority", "influencer")):
        one.tell(kind, day, **options)
    standing = standing_of(one.contact.fold, MONDAY)
    assert fit_parts(one.contact.fold, standing, B2B) == {"industry": 30, "influencer": 10}


def test_priority_is_half_of_each_rounded_once() -> None:
    found = seen([fact("industry", "met"), ("newsletter.signed_up", 0, {})], 30)
    assert (found.fit, found.engagement, found.priority) == (30_000, 2_500, 16_250)


@pytest.mark.parametrize(
    ("steps", "day", "temperature"),
    [
        ([], 0, "cold"),
        ([("newsletter.signed_up", 0, {})], 0, "cold"),
        ([("demo.requested", 0, {})], 14, "hot"),
        ([("demo.requested", 0, {})], 15, "warm"),
        ([("demo.requested", 0, {"automated": True})], 0, "cold"),
        ([("email.replied", 0, {"event_id": str(n)}) for n in range(4)], 0, "hot"),
        ([("email.replied", 0, {"event_id": str(n)}) for n in range(2)], 0, "warm"),
        ([fact("need", "met"), ("newsletter.signed_up", 0, {})], 30, "warm"),
        ([fact("need", "met"), ("newsletter.signed_up", 0, {})], 31, "cold"),
        ([("decision_deadline.communicated", 0, {"deadline": "2026-06-30"})], 100, "hot"),
        ([fact("problem_since", "2020-01-01"), ("demo.requested", 0, {})], 0, "warm"),
        ([fact("problem_since", "2025-06-01"), ("demo.requested", 0, {})], 0, "hot"),
        (
            [
                fact("problem_since", "2020-01-01"),
                ("decision_deadline.communicated", 0, {"deadline": "2026-03-20"}),
            ],
            1,
            "hot",
        ),
        ([("campaign.contacted", 0, {})], 0, "cold"),
    ],
)
def test_temperature(steps: Steps, day: float, temperature: str) -> None:
    assert seen(steps, day).temperature == temperature


def test_temperature_never_moves_a_stage() -> None:
    found = seen([("email.opened", n / 10, {}) for n in range(50)], stage="lead")
    assert found.stage == "lead"


@pytest.mark.parametrize(
    ("stage", "team", "in_pipeline"),
    [
        ("none", None, False),
        ("lead", "marketing", False),
        ("prospect", "marketing", False),
        ("opportunity", "sales", True),
        ("customer", "success", False),
        ("lost", "sales", False),
        ("disqualified", "marketing", False),
    ],
)
def test_team_and_pipeline_follow_the_stage(
    stage: str, team: str | None, in_pipeline: bool
) -> None:
    found = seen([], stage=stage)
    assert (found.owner_team, found.in_pipeline) == (team, in_pipeline)


def test_facet_qualification_is_high_with_industry_met_and_nothing_against() -> None:
    assert seen([fact("industry", "met")]).qualification_high
    assert not seen([]).qualification_high
    assert not seen([fact("industry", "met"), fact("budget", "not_met")]).qualification_high


def test_facet_engagement_is_strong_from_30() -> None:
    assert seen([("demo.requested", 0, {})]).engagement_strong
    assert not seen([("email.replied", 0, {})]).engagement_strong


@pytest.mark.parametrize(
    ("steps", "day", "has_offer"),
    [
        ([("quote.sent", 0, {})], 1, True),
        ([("quote.sent", 0, {"valid_until": "2026-03-02"})], 1.1, False),
        ([("quote.sent", 0, {}), ("deal.lost", 1, {})], 1, False),
    ],
)
def test_an_offer_is_open_until_its_date_or_the_end_of_the_opportunity(
    steps: Steps, day: float, has_offer: bool
) -> None:
    assert seen(steps, day, stage="opportunity").has_offer is has_offer


def test_owner_and_account_are_those_last_told() -> None:
    found = seen([("owner.assigned", 0, {}), ("account.linked", 1, {})])
    assert (found.owner, found.account_id) == ("rep-7", "acme")


def test_touches_are_the_first_and_last_with_a_channel_or_campaign() -> None:
    found = seen(
        [
            ("campaign.contacted", 0, {}),
            ("email.replied", 1, {}),
            ("webinar.attended", 2, {"channel": "webinar", "campaign_id": "may"}),
        ]
    )
    assert (found.first_touch, found.last_touch) == (
        Touch("ads", "spring"),
        Touch("webinar", "may"),
    )


@pytest.mark.parametrize(
    ("kind", "options", "is_due"),
    [
        ("email.opened", {}, False),
        ("newsletter.signed_up", {}, False),
        ("qualification.recorded", {"criterion": "pain"}, True),
        ("owner.assigned", {}, True),
        ("account.linked", {}, True),
        ("demo.requested", {}, True),
    ],
)
def test_a_snapshot_is_due_when_others_would_see_a_difference(
    kind: str, options: dict[str, Any], is_due: bool
) -> None:
    one = at_stage("lead")
    assert one.tell(kind, 1, **options).snapshot_due is is_due
