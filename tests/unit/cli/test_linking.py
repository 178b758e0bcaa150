"""`funnel contact link` and `unlink`, and how a linked contact is shown."""

import json

import pytest
from typer.testing import CliRunner

from app.cli import contact, history
from app.cli.known import Known
from app.cli.linking import _event
from app.domain.decide import view
from app.domain.identity import LINKED, UNLINKED, whole_log
from app.storage.rows import StoredChange
from tests.property.arrivals import HOUR, START
from tests.property.identities import RULES, World, event, link
from tests.unit.cli.test_command import NOWHERE, funnel

REPLIED = {"message_id": "m", "is_auto_reply": False}


def test_a_command_says_who_is_whom_and_why() -> None:
    for type_ in (LINKED, UNLINKED):
        said = _event(type_, "visitor-7", "crm-1", "same sign-in", "jo", "acme")
        assert (said["type"], said["subject"], said["tenantid"]) == (type_, "visitor-7", "acme")
        assert said["data"] == {"other": "crm-1", "evidence": "same sign-in", "actor": "jo"}


@pytest.mark.parametrize("command", ["link", "unlink"])
def test_they_need_grounds(command: str) -> None:
    assert funnel("contact", command, "visitor-7", "crm-1").returncode == 2


def test_nobody_is_linked_to_itself() -> None:
    answer = funnel("contact", "link", "crm-1", "crm-1", "--evidence", "x")
    assert answer.returncode == 2
    assert "always itself" in answer.stderr


def test_what_the_service_would_refuse_is_not_sent() -> None:
    answer = funnel("contact", "link", "v", "x" * 300, "--evidence", "e", environment=NOWHERE)
    assert answer.returncode == 1
    assert "schema_violation" in answer.stderr


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """`a` signed up; `b`, who is linked to it, replied."""
    world = World()
    at = START + HOUR
    data = {"email": "ada@example.org", "list_id": "l", "consent": True}
    world.tell(event("a", "e1", "newsletter.signed_up", START, data))
    world.tell(event("b", "e1", "email.replied", at, REPLIED))
    world.tell(link("b", "l1", "a", at + 1))
    world.settle()

    def known_of(key: str, *_: object) -> Known:
        one = world.rows[key]
        rows = [StoredChange(0, "default", key, at, None, each) for each in world.changes[key]]
        return Known(one, rows, RULES, view(one, RULES, at), list(whole_log(one)), at)

    monkeypatch.setattr(contact, "known_of", known_of)
    monkeypatch.setattr(history, "known_of", known_of)
    return world


def shown(*args: str) -> str:
    answer = CliRunner().invoke(contact.group, [*args])
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.mark.usefixtures("world")
def test_show_tells_whom_a_contact_is_linked_to_and_who_is_folded_under_it() -> None:
    assert json.loads(shown("show", "b", "--json"))["linked_to"] == "a"
    assert json.loads(shown("show", "a", "--json"))["members"] == ["b"]
    lines = [line.split() for line in shown("show", "b").splitlines()]
    assert ["linked", "to", "a"] in lines
    lines = [line.split() for line in shown("show", "a").splitlines()]
    assert ["with", "b"] in lines
    assert [line[-2:] for line in lines if "email.replied" in line] == [["/a", "b"]]


@pytest.mark.usefixtures("world")
def test_history_tells_of_which_identity_an_interaction_was() -> None:
    told = json.loads(shown("history", "a", "--json"))
    assert [(each["transition"], each["member"]) for each in told] == [("T1", None), ("T2", "b")]
    rows = [line.split() for line in shown("history", "a").splitlines() if "email.replied" in line]
    assert ["of", "b"] in [row[row.index("email.replied") + 1 :][:2] for row in rows]
