"""The guards: the last moment at which each holds, and the first at which it does not."""

from typing import Any

from app.domain.guards import GUARDS
from tests.scenario.rows.catalogue import row
from tests.unit.domain.accounts import Account, word
from tests.unit.domain.story import B2B, PROFILE_FIRST, Story, at_stage, moment

SECOND = 1 / 86_400
FACT = "qualification.recorded"
DEADLINE = "decision_deadline.communicated"


def holds(guard: str, one: Story, day: float) -> bool:
    ask = GUARDS[guard].holds
    assert ask is not None
    return ask(one.contact.fold, moment(day), one.rules)


def told(*facts: tuple[str, Any], **more: Any) -> Story:
    one = Story()
    for criterion, value in facts:
        one.tell(FACT, 0, criterion=criterion, value=value, **more)
    return one


@row("5:human")
def test_a_machine_counts_for_nothing_and_a_click_once_no_other_link_was_followed(
    row: str,
) -> None:
    for machine in ({"automated": True}, {"is_auto_reply": True}):
        one = Story()
        one.tell("email.replied", 1, **machine)
        assert (one.stage, one.view(1).engagement) == ("none", 0)
    for between, engagement in ((0.9, 0), (1.1, 10)):  # two links of one message, in seconds
        one = at_stage("lead")
        one.tell("email.link_clicked", 1, url="https://example.org/1")
        one.tell("email.link_clicked", 1 + between * SECOND, url="https://example.org/2")
        assert one.view(1).engagement == 0
        one.wait(1 + 4 * SECOND)
        assert round(one.view(1).engagement / 1000) == engagement
    same = at_stage("lead")
    for n in range(2):
        same.tell("email.link_clicked", 1 + n * 0.5 * SECOND)
    same.tell("email.link_clicked", 1, event_id="m2", message_id="m2", url="https://example.org/9")
    same.wait(1.1)
    assert round(same.view(1).engagement / 1000) == 10  # by the day's cap; none of them spoilt
    for delivered, engagement in (("2026-03-02T23:59:51Z", 0), ("2026-03-02T23:59:50Z", 5)):
        one = at_stage("lead")
        one.tell("email.link_clicked", 1, delivered_at=delivered)
        one.wait(1.1)
        assert round(one.view(1).engagement / 1000) == engagement


@row("5:identified")
def test_a_role_mailbox_is_no_person(row: str) -> None:
    for contact_id, data in (
        ("info@firm.example", {}),
        ("Sales+de@firm.example", {}),
        ("crm-1", {"email": "office@firm.example"}),
    ):
        one = Story(B2B, contact_id)
        one.tell("demo.requested", 1, **data)
        assert (one.stage, one.said, one.view(1).engagement) == ("none", [], 0)
    for stage in ("lead", "recycled", "lost", "customer"):
        one = at_stage(stage)
        one.tell("demo.requested", 1, email="info@firm.example")
        assert one.moves == []


@row("5:two_way_recent")
def test_one_strong_sign_within_180_days_or_weak_ones_on_two_days(row: str) -> None:
    one = Story()
    one.tell("email.replied", 0)
    assert [holds("two_way_recent", one, day) for day in (180, 180 + SECOND)] == [True, False]
    weak = Story()
    for day in (1, 1.5):
        weak.tell("email.link_clicked", day)
    weak.wait(1.6)
    assert not holds("two_way_recent", weak, 2)
    weak.tell("email.link_clicked", 3)
    weak.wait(3.1)
    assert [holds("two_way_recent", weak, day) for day in (181.5, 182)] == [True, False]


@row("5:icp")
def test_what_does_not_fit_blocks_and_what_is_unknown_passes_or_waits(row: str) -> None:
    assert holds("icp", Story(), 0)
    assert not holds("icp", Story(PROFILE_FIRST), 0)
    for criterion in ("industry", "need"):
        assert not holds("icp", told((criterion, "not_met")), 1)
    known = Story(PROFILE_FIRST)
    known.tell(FACT, 0, criterion="industry", value="met", valid_until="2026-03-03")
    assert [holds("icp", known, day) for day in (2, 2 + SECOND)] == [True, False]
    known.tell(FACT, 3, criterion="industry", value="met")
    known.tell(FACT, 3, criterion="need", value="not_met")
    assert not holds("icp", known, 3)


@row("5:not_blocked")
def test_no_level_is_not_met_the_gates_are_passed_and_processing_is_allowed(row: str) -> None:
    assert holds("not_blocked", Story(), 0)
    for criterion in ("industry", "need", "can_use", "wants", "authority", "budget"):
        against = "none" if criterion == "authority" else "not_met"
        assert not holds("not_blocked", told((criterion, against)), 0), criterion
    for criterion in ("pain", "interest", "fit"):
        assert holds("not_blocked", told((criterion, "not_met")), 0), criterion
    for scope, is_free in (("processing", False), ("marketing", True), ("email", True)):
        one = Story()
        one.tell("contact.opted_out", 0, scope=scope)
        assert holds("not_blocked", one, 1) is is_free


@row("5:intent_active")
def test_an_intent_of_90_days_or_a_deadline_not_passed_by_30_that_is_not_used(row: str) -> None:
    """Nothing uses it here: the sector is not known."""
    one = Story(PROFILE_FIRST)
    one.tell("pricing.requested", 0)
    assert [holds("intent_active", one, day) for day in (90, 90 + SECOND)] == [True, False]
    one.tell(DEADLINE, 10, deadline="2026-08-31")  # ends on day 183
    assert [holds("intent_active", one, day) for day in (213, 213 + SECOND)] == [True, False]
    one.tell(DEADLINE, 20, deadline="2026-03-01")  # had passed: no deadline is stated any more
    assert [holds("intent_active", one, day) for day in (100, 101)] == [True, False]
    used = Story()
    used.tell("demo.requested", 0)
    used.tell("pricing.requested", 1)
    used.tell(DEADLINE, 2, deadline="2026-08-31")
    used.tell("stage.override", 3, to_stage="prospect", pin_days=0)
    assert not holds("intent_active", used, 3)


@row("5:triad_ok")
def test_neither_pain_nor_interest_nor_fit_is_not_met(row: str) -> None:
    assert holds("triad_ok", Story(), 0)
    for criterion in ("pain", "interest", "fit"):
        one = told((criterion, "not_met"), valid_until="2026-03-03")
        assert [holds("triad_ok", one, day) for day in (2, 2 + SECOND)] == [False, True]


@row("5:committee")
def test_a_committee_is_two_prospects_a_decision_maker_and_an_intent(row: str) -> None:
    ann = word("ann", stage="prospect", is_decision_maker=True)
    bob = word("bob", stage="prospect")
    assert Account(ann, bob).state.stage == "prospect"
    assert Account(ann, word("bob", stage="opportunity")).state.stage == "opportunity"
    assert Account(ann, word("bob", stage="prospect", has_intent=True)).state.stage == "opportunity"
    assert Account(ann, word("bob", stage="lead", has_intent=True)).state.stage == "prospect"
    plain = word("ann", stage="prospect")
    assert Account(plain, word("bob", stage="opportunity")).state.stage == "prospect"
