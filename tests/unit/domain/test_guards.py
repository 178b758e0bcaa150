"""Guards by their terms: the last moment at which each holds, and the first at which it fails."""

from typing import Any

import pytest

from app.domain.decide import explain, qualification_needed
from app.domain.guards import GUARDS
from app.domain.state import State
from tests.unit.domain.story import B2B, DAY, MONDAY, PROFILE_FIRST, Story

FACT = "qualification.recorded"
SECOND = 1 / 86_400

HOLDS: list[tuple[str, str, list[tuple[str, float, dict[str, Any]]], float, bool]] = [
    ("two_way_recent", "on day 180", [("email.replied", 0, {})], 180, True),
    ("two_way_recent", "a second later", [("email.replied", 0, {})], 180 + SECOND, False),
    ("two_way_recent", "an intent counts", [("demo.requested", 0, {})], 180, True),
    ("two_way_recent", "weak on two days",
     [("email.link_clicked", 0, {}), ("email.link_clicked", 3, {})], 180, True),
    ("two_way_recent", "the earlier weak one too old",
     [("email.link_clicked", 0, {}), ("email.link_clicked", 3, {})], 181, False),
    ("two_way_recent", "a product page on a later day, and a click",
     [("newsletter.signed_up", 0, {}), ("website.visited", 1, {"page_kind": "pricing"}),
      ("email.link_clicked", 2, {})], 3, True),
    ("two_way_recent", "a product page on the first day is no sign",
     [("newsletter.signed_up", 0, {}), ("website.visited", 0.5, {"page_kind": "pricing"}),
      ("email.link_clicked", 2, {})], 3, False),
    ("two_way_recent", "a bot", [("email.replied", 0, {"automated": True})], 1, False),
    ("two_way_recent", "a role mailbox", [("email.replied", 0, {"email": "info@x.io"})], 1, False),
    ("icp", "nothing known", [], 0, True),
    ("icp", "industry not met", [(FACT, 0, {"value": "not_met"})], 1, False),
    ("icp", "need not met", [(FACT, 0, {"criterion": "need", "value": "not_met"})], 1, False),
    ("not_blocked", "nothing known", [], 0, True),
    ("not_blocked", "stakeholder not met",
     [(FACT, 0, {"criterion": "authority", "value": "none"})], 1, False),
    ("not_blocked", "an influencer", [(FACT, 0, {"criterion": "authority", "value": "influencer"})],
     1, True),
    ("not_blocked", "use not met", [(FACT, 0, {"criterion": "can_use", "value": "not_met"})],
     1, False),
    ("not_blocked", "budget not met", [(FACT, 0, {"criterion": "budget", "value": "not_met"})],
     1, False),
    ("not_blocked", "opted out of marketing alone",
     [("contact.opted_out", 0, {"scope": "marketing"})], 1, True),
    ("not_blocked", "opted out of processing", [("contact.opted_out", 0, {})], 1, False),
    ("not_blocked", "opted in again",
     [("contact.opted_out", 0, {}), ("contact.opted_in", 1, {})], 1, True),
    ("triad_ok", "nothing known", [], 0, True),
    ("triad_ok", "no interest", [(FACT, 0, {"criterion": "interest", "value": "not_met"})],
     1, False),
    ("no_open_deal", "one open", [("deal.updated", 0, {})], 1, False),
    ("no_open_deal", "reopened", [("deal.lost", 0, {}), ("deal.reopened", 1, {})], 1, False),
    ("no_open_deal", "all closed", [("deal.updated", 0, {}), ("deal.won", 1, {})], 1, True),
]  # fmt: skip


def state_after(steps: list[tuple[str, float, dict[str, Any]]], rules: Any = B2B) -> State:
    """With the clicks settled."""
    one = Story(rules).play(*steps)
    one.wait(steps[-1][1] + 3 * SECOND if steps else 0)
    return one.contact.fold


@pytest.mark.parametrize(
    ("guard", "steps", "day", "holds"),
    [(guard, steps, day, holds) for guard, _, steps, day, holds in HOLDS],
    ids=[f"{guard}: {name}" for guard, name, _, _, _ in HOLDS],
)
def test_guard(
    guard: str, steps: list[tuple[str, float, dict[str, Any]]], day: float, holds: bool
) -> None:
    ask = GUARDS[guard].holds
    assert ask is not None
    assert ask(state_after(steps), MONDAY + round(day * DAY), B2B) is holds


# An intent is used at once where it makes an opportunity: here the profile is not known to fit.
@pytest.mark.parametrize(
    ("kind", "options", "day", "holds"),
    [
        ("demo.requested", {}, 90, True),
        ("demo.requested", {}, 90 + SECOND, False),
        ("decision_deadline.communicated", {"deadline": "2026-08-31"}, 213, True),
        ("decision_deadline.communicated", {"deadline": "2026-08-31"}, 213 + SECOND, False),
        ("demo.requested", {"automated": True}, 1, False),
    ],
)
def test_intent_active(kind: str, options: dict[str, Any], day: float, holds: bool) -> None:
    state = state_after([(kind, 0, options)], PROFILE_FIRST)
    ask = GUARDS["intent_active"].holds
    assert ask is not None
    assert ask(state, MONDAY + round(day * DAY), PROFILE_FIRST) is holds


def test_the_last_stated_deadline_counts_alone() -> None:
    early, passed = {"deadline": "2026-12-31"}, {"deadline": "2026-01-01"}
    deadline = "decision_deadline.communicated"
    state = state_after([(deadline, 0, early), (deadline, 1, passed)], PROFILE_FIRST)
    ask = GUARDS["intent_active"].holds
    assert ask is not None
    assert not ask(state, MONDAY + 95 * DAY, PROFILE_FIRST)


def test_with_hold_an_unknown_industry_is_not_enough() -> None:
    ask = GUARDS["icp"].holds
    assert ask is not None
    assert not ask(State(), MONDAY, PROFILE_FIRST)
    assert ask(state_after([(FACT, 0, {})]), MONDAY, PROFILE_FIRST)


def test_a_transition_says_what_its_guards_saw() -> None:
    one = Story()
    one.tell("email.replied", 1, event_id="r")
    one.tell("demo.requested", 4, event_id="d")
    guards = {each.guard: each for each in one.changes[-1].guards}
    assert guards["intent_active"].observed == "demo.requested 0 d ago"
    assert guards["intent_active"].required.startswith("intent within 90 d")
    assert all(each.passed for each in one.changes[-1].guards)


def test_a_transition_names_the_evidence_it_rests_on() -> None:
    one = Story()
    one.tell(FACT, 0, event_id="f")
    one.tell("email.link_clicked", 1, event_id="c1")
    one.tell("email.link_clicked", 2, event_id="c2")
    one.wait(3)
    assert one.changes[-1].transition == "T2"
    assert set(one.changes[-1].evidence) == {"c2", "c1", "f"}


def test_why_not_lists_each_way_out_with_what_is_missing() -> None:
    one = Story()
    one.tell("newsletter.signed_up", 1)
    ways = {each.transition: each for each in explain(one.contact, B2B, MONDAY + 2 * DAY)}
    missing = [each.guard for each in ways["T2"].guards if not each.passed]
    assert (ways["T2"].to_stage, missing) == ("prospect", ["two_way_recent"])


def test_qualification_is_needed_where_an_intent_waits_for_the_sector() -> None:
    one = Story(PROFILE_FIRST)
    one.tell("newsletter.signed_up", 0)
    assert not qualification_needed(one.contact, PROFILE_FIRST, MONDAY)
    one.tell("demo.requested", 1)
    assert qualification_needed(one.contact, PROFILE_FIRST, MONDAY)
    one.tell(FACT, 2)
    assert not qualification_needed(one.contact, PROFILE_FIRST, MONDAY)


def test_qualification_is_needed_in_a_stage_entered_without_the_sector() -> None:
    one = Story()
    one.tell("email.replied", 1)
    assert qualification_needed(one.contact, B2B, MONDAY)
    one.tell(FACT, 2)
    assert not qualification_needed(one.contact, B2B, MONDAY)
