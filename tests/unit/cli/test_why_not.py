"""What `funnel contact why-not` says, and that what it says could be done."""

import json
import shlex
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import contact, why_not
from app.cli.checking import checker
from app.cli.known import Known
from app.domain.decide import view
from app.models import names
from app.settings import Settings
from tests.unit.domain.story import B2B, DAY, MONDAY, Story

STAGES = ("lead", "prospect", "opportunity", "customer", "lost", "recycled", "disqualified")


@pytest.fixture
def lead(monkeypatch: pytest.MonkeyPatch) -> Story:
    one = Story()
    one.tell("newsletter.signed_up", 0)
    at = MONDAY + DAY
    known = Known(one.contact, [], B2B, view(one.contact, B2B, at), [], at)
    monkeypatch.setattr(why_not, "known_of", lambda *_: known)
    return one


def asked(*args: str) -> Result:
    return CliRunner().invoke(contact.group, ["why-not", "crm-1", *args])


def test_people_are_told_what_is_missing_what_would_do_it_and_what_would_follow(
    lead: Story,
) -> None:
    lines = asked("opportunity").output.splitlines()
    assert lines[0] == "crm-1 is lead. The way to opportunity [b2b-default@1]:"
    assert any("✗ intent_active" in line and "(required: intent within 90 d" in line
               for line in lines)  # fmt: skip
    command = next(line for line in lines if "funnel publish" in line)
    assert shlex.split(command)[:5] == ["funnel", "publish", "demo.requested", "crm-1", "--data"]
    assert json.loads(shlex.split(command)[5]) == {"product_id": "<product_id>"}
    assert any("prospect → opportunity [T3]" in line for line in lines[lines.index(command) :])


def test_machines_are_told_the_same(lead: Story) -> None:
    answer: dict[str, Any] = json.loads(asked("opportunity", "--json").output)
    assert answer["suggestion"] == [
        {"type": "demo.requested", "data": {"product_id": "<product_id>"}}
    ]
    assert [move["transition"] for move in answer["moves"]] == ["T2", "T3"]
    assert (answer["stage"], answer["is_reachable"]) == ("lead", True)
    assert answer["at"] == "2026-03-03T00:00:00Z"
    assert all(move["effective_at"].startswith("2026-03-03T00:00:00.") for move in answer["moves"])


def test_machines_are_told_the_date_of_what_comes_by_itself(lead: Story) -> None:
    alone = json.loads(asked("recycled", "--json").output)["by_itself"]
    assert alone["at"] == alone["moves"][0]["effective_at"] == "2026-08-29T00:00:00Z"


def test_what_comes_by_itself_is_told_with_its_date(lead: Story) -> None:
    assert (
        "By itself on 2026-08-29 00:00 by lead_dormant, if nothing else happens: lead → recycled"
        in asked("recycled").output
    )


def test_a_stage_the_model_lacks_is_wrong_use(lead: Story) -> None:
    answer = asked("prospekt")
    assert answer.exit_code == 2
    assert "'prospekt'" in answer.output
    assert "prospect" in answer.output


@pytest.mark.parametrize("model", names())
@pytest.mark.parametrize("target", STAGES)
def test_what_is_suggested_is_what_the_service_would_take(model: str, target: str) -> None:
    from app.domain.why_not import why_not as ask
    from app.models import load_rules

    rules = load_rules(model)
    refuse = checker(Settings(model=model))
    for past in ([], ["demo.requested"], ["deal.won"], ["newsletter.signed_up", "deal.updated"]):
        one = Story(rules)
        for kind in past:
            one.tell(kind)
        for each in ask("crm-1", one.contact.fold, target, MONDAY, rules).suggestion:
            event = {"specversion": "1.0", "id": "x", "source": "/a", "subject": "crm-1"}
            assert refuse({**event, "type": each.type, "data": each.data}) is None
