"""`funnel contact show`: the facts, and what the scores are made of."""

import json

import pytest
from typer.testing import CliRunner

from app.cli import contact
from app.cli.known import Known
from app.domain.decide import view
from tests.unit.domain.story import B2B, Story, moment


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Story:
    one = Story()
    one.tell("qualification.recorded", 0, actor="jo", confidence="sure", valid_until="2026-03-10")
    one.tell("qualification.recorded", 1, criterion="authority", value="influencer")
    one.tell("demo.requested", 2)
    one.tell("webinar.attended", 2)
    one.tell("deal.updated", 2, deal_id="d-1", amount=900)
    one.tell("contact.opted_out", 2, scope="marketing")

    def known_of(*_: object) -> Known:
        at = moment(2)
        return Known(one.contact, [], B2B, view(one.contact, B2B, at), [], at)

    monkeypatch.setattr(contact, "known_of", known_of)
    return one


def shown(*args: str) -> str:
    answer = CliRunner().invoke(contact.group, ["show", "crm-1", *args])
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.mark.usefixtures("story")
def test_people_see_facts_consent_and_deals() -> None:
    lines = [line.split() for line in shown().splitlines()]
    industry = next(line for line in lines if line[:2] == ["industry", "met"])
    assert {"2026-03-11T00:00:00Z", "jo", "sure"} <= set(industry)
    assert ["opted", "out", "of", "marketing"] in lines
    assert ["open", "deals", "d-1"] in lines


@pytest.mark.usefixtures("story")
def test_every_score_comes_with_its_parts() -> None:
    told = json.loads(shown("--json"))
    assert told["fit_parts"] == {"influencer": 10, "industry": 30}
    assert told["fit"] == sum(told["fit_parts"].values())
    assert told["engagement_parts"] == {"halved in 30 d": 10.0, "halved in 60 d": 40.0}
    assert told["engagement"] == sum(told["engagement_parts"].values())


@pytest.mark.usefixtures("story")
def test_machines_see_deals_and_consent_by_name() -> None:
    told = json.loads(shown("--json"))
    assert told["open_deals"]["d-1"]["amount"] == 900
    assert told["opted_out"] == ["marketing"]


def test_a_fact_that_expired_is_shown_and_does_not_count(story: Story) -> None:
    story.tell("qualification.recorded", 1.5, valid_until="2026-03-02")
    told = json.loads(shown("--json"))
    assert told["facts"]["industry"]["counts"] is False
    assert told["fit_parts"] == {"influencer": 10}
