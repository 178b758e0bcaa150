"""What a contact tells its account as its story goes on, and what time alone changes."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.domain.account import AccountInput
from app.domain.account_telling import EXPIRED, tell_account
from app.domain.changes import Cause, Change
from app.domain.state import NEVER
from tests.unit.domain.story import DAY, Story, moment


class Telling(Story):
    """A contact that tells its account after every step, and is stored."""

    def then(self, kind: str, day: float, **options: Any) -> list[tuple[str, str]]:
        """(account, stage) of what is told after an interaction."""
        decision = self.tell(kind, day, **options)
        cause = Cause(f"{kind}@{day}", "/a", kind)
        return briefly(self.words(day, decision.changes, cause))

    def later(self, day: float) -> Sequence[AccountInput]:
        """What is told when that day comes and nothing has happened but timers."""
        return self.words(day, self.wait(day).changes, None)

    def words(
        self, day: float, changes: Sequence[Change], cause: Cause | None
    ) -> Sequence[AccountInput]:
        said = tell_account(self.contact, self.rules, moment(day), changes, cause)
        self.contact.take_change()
        return said


def briefly(inputs: Sequence[AccountInput]) -> list[tuple[str, str]]:
    return [(each.account_id, "left" if each.member.left else each.member.stage) for each in inputs]


@pytest.fixture
def linked() -> Telling:
    story = Telling()
    assert story.then("account.linked", 0) == []
    return story


def test_without_an_account_nothing_is_told() -> None:
    assert Telling().then("demo.requested", 0) == []


def test_a_contact_is_told_of_once_it_has_shown_interest(linked: Telling) -> None:
    assert linked.then("newsletter.signed_up", 1) == [("acme", "lead")]


def test_linking_tells_how_the_contact_stands() -> None:
    story = Telling()
    story.then("demo.requested", 0)
    assert story.then("account.linked", 1) == [("acme", "opportunity")]


def test_nothing_is_told_twice(linked: Telling) -> None:
    linked.then("newsletter.signed_up", 1)
    assert linked.then("content.downloaded", 2) == []


def test_moving_tells_both_accounts(linked: Telling) -> None:
    linked.then("newsletter.signed_up", 1)
    told = linked.then("account.linked", 2, account_id="other")
    assert told == [("acme", "left"), ("other", "lead")]


def test_interest_through_a_role_mailbox_makes_its_account_a_lead(linked: Telling) -> None:
    told = linked.then("newsletter.signed_up", 1, email="info@acme.example")
    assert (linked.contact.stage, told) == ("none", [("acme", "lead")])


def test_a_machine_behind_a_role_mailbox_makes_no_lead(linked: Telling) -> None:
    told = linked.then("newsletter.signed_up", 1, email="info@acme.example", automated=True)
    assert told == []


def test_each_word_carries_a_greater_version(linked: Telling) -> None:
    versions = []
    for kind, day in (("newsletter.signed_up", 1), ("email.replied", 2), ("demo.requested", 3)):
        decision = linked.tell(kind, day)
        (word,) = linked.words(day, decision.changes, None)
        versions.append(word.member.contact_version)
        assert word.member.contact_version == linked.contact.version
        assert word.member.contact_seq == linked.contact.seq
    assert versions == sorted(set(versions))


def test_a_word_is_due_to_what_moved_the_contact(linked: Telling) -> None:
    decision = linked.tell("demo.requested", 3)
    (word,) = linked.words(3, decision.changes, None)
    assert word.cause == decision.changes[-1].cause
    assert word.effective_at == moment(3)


def test_a_decision_maker_is_told_though_no_stage_changes(linked: Telling) -> None:
    linked.then("newsletter.signed_up", 1)
    linked.tell("qualification.recorded", 2, criterion="authority", value="decision_maker")
    (word,) = linked.words(2, [], Cause("q", "/a", "qualification.recorded"))
    assert (word.member.is_decision_maker, word.member.stage) == (True, "lead")
    assert word.cause.event_id == "q"


def test_an_open_deal_is_told(linked: Telling) -> None:
    linked.tell("deal.updated", 1)
    (word,) = linked.words(1, [], None)
    assert word.member.has_open_deal


def test_an_intent_that_expires_is_told_when_it_does(linked: Telling) -> None:
    """Pain not met: the intent makes no opportunity, so it is not used."""
    linked.tell("qualification.recorded", 0, criterion="pain", value="not_met")
    linked.tell("demo.requested", 1)
    (word,) = linked.words(1, [], None)
    assert (word.member.stage, word.member.has_intent) == ("prospect", True)
    assert linked.contact.book.told.account_check == moment(91) + 1
    assert linked.contact.check_at is not None
    assert linked.contact.check_at <= moment(91) + 1
    assert not linked.later(91)
    (word,) = linked.later(91 + 1 / DAY)
    assert not word.member.has_intent
    assert word.cause == EXPIRED
    assert linked.contact.book.told.account_check == NEVER


def test_a_decision_maker_whose_fact_expires_is_one_no_longer(linked: Telling) -> None:
    fact = {"criterion": "authority", "value": "decision_maker", "valid_until": "2026-03-10"}
    linked.tell("newsletter.signed_up", 1)
    linked.tell("qualification.recorded", 2, **fact)
    (word,) = linked.words(2, [], None)
    assert word.member.is_decision_maker
    (word,) = linked.later(20)
    assert not word.member.is_decision_maker


def test_a_contact_that_has_nothing_to_tell_is_not_stored_for_it(linked: Telling) -> None:
    assert linked.words(1, [], None) == ()
    assert linked.contact.take_change() is None


def test_a_linked_identity_leaves_its_account_and_comes_back_when_unlinked(linked: Telling) -> None:
    linked.then("demo.requested", 1)
    link = {"other": "crm-2", "evidence": "same person", "actor": "jo"}
    assert linked.then("identity.linked", 2, **link) == [("acme", "left")]
    assert linked.then("identity.unlinked", 3, **link) == [("acme", "opportunity")]
