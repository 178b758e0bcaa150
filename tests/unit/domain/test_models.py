"""Models: what the shipped ones say, and that a wrong one is told where and how to mend it."""

import re
from typing import Any

import pytest

from app.domain.model import extended
from app.errors import ModelError, RuleError
from app.models import load_rules, names, parse, rules_of
from tests.unit.domain.story import B2B, MONDAY, PROFILE_FIRST, Story

# The catalogue of funnel.md §4: type -> classes, points, half-life in days, cap a day.
CATALOGUE: dict[str, tuple[str, float, int, int | None]] = {
    "website.visited": ("one_way", 1, 15, 5),
    "newsletter.signed_up": ("one_way", 5, 30, None),
    "content.downloaded": ("one_way", 8, 30, None),
    "form.submitted": ("one_way", 10, 30, None),
    "social.connected": ("one_way", 3, 30, None),
    "social.engaged": ("one_way", 2, 30, None),
    "webinar.attended": ("one_way", 10, 30, None),
    "email.opened": ("", 0, 30, None),
    "email.link_clicked": ("two_way", 5, 30, 10),
    "email.replied": ("two_way", 20, 45, None),
    "phone.call_held": ("", 0, 45, None),
    "tradeshow.contact_made": ("one_way", 15, 45, None),
    "social.question_asked": ("two_way", 15, 45, None),
    "demo.requested": ("intent", 40, 60, None),
    "pricing.requested": ("intent", 40, 60, None),
    "trial.started": ("intent", 40, 60, None),
    "decision_deadline.communicated": ("intent", 40, 60, None),
    "campaign.contacted": ("outbound", 0, 30, None),
    "qualification.recorded": ("fact", 0, 30, None),
    "handoff.accepted": ("sales", 0, 30, None),
    "handoff.rejected": ("sales", 0, 30, None),
    "meeting.held": ("sales two_way", 15, 45, None),
    "demo.held": ("sales two_way", 15, 45, None),
    "quote.sent": ("sales", 0, 30, None),
    "deal.updated": ("sales", 0, 30, None),
    "deal.won": ("sales", 0, 30, None),
    "deal.lost": ("sales", 0, 30, None),
    "deal.reopened": ("sales", 0, 30, None),
    "owner.assigned": ("sales", 0, 30, None),
    "contact.profiled": ("profile", 0, 30, None),
    "customer.renewed": ("sales", 0, 30, None),
    "customer.churned": ("sales", 0, 30, None),
    "contact.opted_out": ("consent", 0, 30, None),
    "contact.opted_in": ("consent", 0, 30, None),
    "contact.disqualified": ("admin", 0, 30, None),
    "identity.linked": ("identity", 0, 30, None),
    "identity.unlinked": ("identity", 0, 30, None),
    "identity.evidence": ("identity", 0.0, 30, None),
    "identity.withdrawn": ("identity", 0.0, 30, None),
    "account.linked": ("identity", 0, 30, None),
    "stage.override": ("admin", 0, 30, None),
    "event.retracted": ("admin", 0, 30, None),
    "privacy.erasure_requested": ("admin", 0, 30, None),
}

WRONG: list[tuple[str, str, str, str]] = [
    ("a guard misspelt", "two_way_recent, icp", "two_way_recnt, icp",
     "did you mean `two_way_recent`?"),
    ("a stage misspelt", "    to: prospect\n    on: [two_way", "    to: prospct\n    on: [two_way",
     "did you mean `prospect`?"),
    ("a trigger misspelt", "on: [intent, fact]", "on: [intend, fact]", "did you mean `intent`?"),
    ("an unknown knob value", "icp_unknown: pass", "icp_unknown: wait", "use one of hold, pass"),
    ("an unknown key", "two_way_recent: 180 d", "two_way_recently: 180 d",
     "did you mean `two_way_recent`?"),
    ("no duration", "intent_active: 90 d", "intent_active: 90 days", "`30 d`"),
    ("no number", "industry: 30", "industry: many", "write a number"),
    ("a class misspelt", "    class: outbound", "    class: outbond", "did you mean `outbound`?"),
    ("an unknown time zone", "time_zone: UTC", "time_zone: Mars/Base", "Europe/Berlin"),
    ("a lead owned by sales", "kind: inventory\n    owner: marketing\n  prospect",
     "kind: inventory\n    owner: sales\n  prospect", "give `lead` the owner marketing"),
    ("points that never decay", "points: 1\n    half_life: 15 d", "points: 1",
     "add `half_life: 30 d`"),
    ("points that are gone at once", "points: 1\n    half_life: 15 d",
     "points: 1\n    half_life: 0 s", "write `1 s` or more"),
    ("a stage without words", "    definition: Bought.", "    defintion: Bought.",
     "did you mean `definition`?"),
]  # fmt: skip


def text_of_default() -> str:
    from importlib import resources

    return (resources.files("app.models") / "b2b-default@1.yaml").read_text("utf-8")


def test_shipped_models_compile_and_are_what_their_file_is_called() -> None:
    assert [load_rules(name).ref for name in names()] == names()


def test_the_catalogue_is_complete_and_as_designed() -> None:
    found = {
        name: (
            " ".join(kind.outcomes[-1].classes),
            kind.outcomes[-1].points,
            kind.outcomes[-1].half_life_seconds // 86_400,
            kind.outcomes[-1].cap_per_day,
        )
        for name, kind in B2B.types.items()
    }
    assert found == CATALOGUE


def test_admin_and_identity_types_come_from_commands_only() -> None:
    assert {name for name, kind in B2B.types.items() if kind.is_command} == {
        "contact.disqualified",
        "identity.linked",
        "identity.unlinked",
        "identity.evidence",
        "identity.withdrawn",
        "account.linked",
        "stage.override",
        "event.retracted",
        "privacy.erasure_requested",
    }


def test_profile_first_differs_by_its_knob_alone() -> None:
    assert PROFILE_FIRST.terms.is_icp_held
    assert not B2B.terms.is_icp_held
    assert PROFILE_FIRST.types.keys() == B2B.types.keys()


def test_every_stage_has_its_definition_in_plain_words() -> None:
    assert all(len(stage.definition.split()) >= 8 for stage in B2B.stages.values())


def test_a_lead_is_never_owned_by_sales_and_only_an_opportunity_is_in_the_pipeline() -> None:
    assert B2B.stages["lead"].owner == "marketing"
    assert [s.name for s in B2B.stages.values() if s.is_pipeline] == ["opportunity"]


def test_extending_merges_mappings_replaces_the_rest_and_removes_null() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    assert extended(base, {"a": {"y": [3]}, "b": None, "c": 2}) == {"a": {"x": 1, "y": [3]}, "c": 2}


@pytest.mark.parametrize(
    ("right", "wrong", "mend"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_a_wrong_model_is_told_file_line_and_mend(right: str, wrong: str, mend: str) -> None:
    text = text_of_default()
    assert text.count(right) >= 1
    bad = text.replace(right, wrong, 1)
    changed = next(
        n
        for n, (a, b) in enumerate(zip(text.split("\n"), bad.split("\n"), strict=False), 1)
        if a != b
    )
    definition, lines = parse(bad, "mine@1.yaml")
    with pytest.raises(ModelError) as error:
        rules_of(definition, lines, "b2b-default@1.yaml")
    place = re.match(r"mine@1\.yaml:(\d+): ", str(error.value))
    assert place is not None
    assert abs(int(place[1]) - changed) <= 5
    assert mend in str(error.value)


def test_broken_yaml_names_its_line() -> None:
    with pytest.raises(ModelError, match=r"^mine@1\.yaml:2: "):
        parse("name: a\n  b: [\n", "mine@1.yaml")


def test_an_unknown_model_says_which_there_are() -> None:
    with pytest.raises(ModelError, match="b2b-default@1, content-led@1, "):
        load_rules("b2b@1")


def test_on_and_no_are_words() -> None:
    assert parse("on: no\n", "m.yaml")[0] == {"on": "no"}


def compiled(change: dict[str, Any]) -> Story:
    definition, lines = parse(text_of_default(), "b2b-default@1.yaml")
    return Story(rules_of(extended(definition, change), lines, "b2b-default@1.yaml"))


def test_a_model_that_chases_itself_is_a_rule_error() -> None:
    ring = {
        f"L{i}": {"from": a, "to": b, "on": "webinar.attended", "priority": "forward"}
        for i, (a, b) in enumerate(
            [("lead", "prospect"), ("prospect", "lost"), ("lost", "customer"),
             ("customer", "opportunity"), ("opportunity", "disqualified"),
             ("disqualified", "lead")]
        )
    }  # fmt: skip
    one = compiled({"transitions": ring})
    with pytest.raises(RuleError, match="more than 6 moves"):
        one.tell("webinar.attended", 1)


def test_a_company_adds_a_type_of_its_own_without_code() -> None:
    own = {"class": "intent", "points": 60, "half_life": "20 d"}
    one = compiled({"interactions": {"calculator.used": own}})
    one.tell("calculator.used", 1)
    assert one.stage == "opportunity"


def test_an_unknown_type_is_ignored_where_the_knob_says_so() -> None:
    one = compiled({"knobs": {"unknown_type": "ignore"}})
    assert one.tell("no.such_type", 1).verdict.value == "ignored"
    assert one.contact.take_change() is None


@pytest.mark.parametrize("gate", ["budget", "authority"])
def test_a_gate_that_waits_blocks_while_unknown(gate: str) -> None:
    one = compiled({"knobs": {f"{gate}_gate": "wait"}})
    one.tell("email.replied", 1)
    assert one.stage == "lead"
    value = "met" if gate == "budget" else "decision_maker"
    one.tell("qualification.recorded", 2, criterion=gate, value=value)
    assert one.stage == "prospect"


def test_days_are_those_of_the_models_time_zone() -> None:
    """23:30 and 00:30 in Berlin are one UTC day and two days there."""
    half_hour = 0.5 / 24
    clicks = (1 - 1.5 / 24, 1 - half_hour)
    for zone, stage in (("UTC", "lead"), ("Europe/Berlin", "prospect")):
        one = compiled({"time_zone": zone})
        for day in clicks:
            one.tell("email.link_clicked", day)
        one.wait(1)
        assert one.stage == stage, zone
    assert MONDAY % 86_400_000_000 == 0
