"""What is published when history changes: what is taken back, what is new, what only moved."""

from typing import Any

import pytest
from msgspec.structs import replace

from app.domain.changes import Change
from app.domain.decide import Decision
from app.domain.linking import RETRACTED_MAX
from tests.unit.domain.story import DAY, MONDAY, Story, at_stage, interaction

Step = tuple[str, float, dict[str, Any]]
TAKE_BACK = "event.retracted"


def hear(one: Story, kind: str, day: float, arrives: float | None = None, **data: Any) -> Decision:
    each = interaction(kind, day, **data)
    if arrives is not None:
        each = replace(each, arrived_at=MONDAY + round(arrives * DAY))
    return one.hear(each)


def take_back(one: Story, day: float, event_id: str) -> Decision:
    data = {"event_id": event_id, "event_source": "/a", "reason": "a mistake"}
    return one.hear(replace(interaction(TAKE_BACK, day), data=data))


def told(changes: list[Change]) -> list[str]:
    return [f"{each.kind} {each.transition} → {each.view.stage}" for each in changes]


LATE: list[tuple[str, list[Step], Step, list[str]]] = [
    (
        "an earlier way in moves the date",
        [("newsletter.signed_up", 5, {})],
        ("content.downloaded", 2, {}),
        ["corrected T1 → lead"],
    ),
    (
        "a fact that blocks takes back what it blocks, the newest first",
        [("demo.requested", 5, {})],
        ("contact.opted_out", 2, {}),
        ["revoked T3 → prospect", "revoked T2 → lead"],
    ),
    (
        "a deal won earlier: a customer who asks again",
        [("email.replied", 2, {}), ("demo.requested", 7, {})],
        ("deal.won", 5, {}),
        ["corrected T3 → opportunity", "changed T5 → customer", "changed T15 → opportunity"],
    ),
    (
        "a detour that was not known",
        [("newsletter.signed_up", 1, {}), ("email.replied", 9, {})],
        ("contact.disqualified", 5, {}),
        ["revoked T2 → lead", "changed T13 → disqualified"],
    ),
    (
        "a timer that never came due",
        [("newsletter.signed_up", 0, {}), ("email.replied", 200, {})],
        ("email.replied", 100, {}),
        ["revoked T11 → recycled", "revoked T10 → lead", "changed T2 → prospect"],
    ),
    (
        "a timer that comes due later",
        [("newsletter.signed_up", 0, {}), ("email.replied", 200, {})],
        ("content.downloaded", 10, {}),
        ["corrected T10 → prospect"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "late", "records"),
    [pytest.param(before, late, records, id=name) for name, before, late, records in LATE],
)
def test_what_a_late_interaction_changes_is_told(
    before: list[Step], late: Step, records: list[str]
) -> None:
    one = Story()
    for kind, day, data in before:
        one.tell(kind, day, **data)
    kind, day, data = late
    changes = one.tell(kind, day, **data).changes
    assert told(changes) == records
    assert all(each.late for each in changes)


@pytest.mark.parametrize(
    ("retracted", "records"),
    [
        ("email.opened@1", []),
        ("demo.requested@5", ["revoked T3 → prospect", "revoked T2 → lead"]),
        ("newsletter.signed_up@2",
         ["corrected T1 → opportunity"]),
        ("deal.updated@8", []),
    ],
)  # fmt: skip
def test_what_a_retraction_takes_away_is_told(retracted: str, records: list[str]) -> None:
    one = Story()
    for kind, day in (
        ("email.opened", 1), ("newsletter.signed_up", 2), ("demo.requested", 5),
        ("deal.updated", 8),
    ):  # fmt: skip
        one.tell(kind, day)
    changes = take_back(one, 9, retracted).changes
    assert told(changes) == records
    assert {each.cause.type for each in changes if each.kind == "revoked"} <= {TAKE_BACK}


def test_a_retraction_that_comes_before_its_target_leaves_nothing_to_tell() -> None:
    one = Story()
    take_back(one, 9, "demo.requested@5")
    assert one.tell("demo.requested", 5).changes == []
    assert one.stage == "none"


def test_a_correction_is_of_date_cause_or_evidence_and_of_nothing_else() -> None:
    one = Story()
    one.tell("demo.requested", 5)
    before = {each.transition_id: each for each in one.changes}
    for each in one.tell("email.replied", 4).changes:
        assert each.kind == "corrected"
        was = before[each.transition_id]
        assert (each.from_stage, each.to_stage, each.cycle) == (
            was.from_stage, was.to_stage, was.cycle
        )  # fmt: skip
        assert (each.effective_at, each.cause, each.evidence) != (
            was.effective_at, was.cause, was.evidence
        )  # fmt: skip


def test_what_stays_as_it_was_is_not_told_again() -> None:
    """The move to opportunity rests on the same intent, however long ago they first came."""
    one = Story()
    one.tell("newsletter.signed_up", 3)
    one.tell("email.replied", 4)
    one.tell("demo.requested", 5)
    assert told(one.tell("content.downloaded", 1).changes) == ["corrected T1 → opportunity"]


def test_an_open_hand_off_stays_through_a_correction() -> None:
    one = Story()
    requested = hear(one, "demo.requested", 1.5)
    assert "handoff_requested" in {each.kind for each in requested.signals}
    corrected = hear(one, "pricing.requested", 1.2, arrives=1.7)
    assert told(corrected.changes)[-1] == "corrected T3 → opportunity"
    assert {each.opportunity for each in corrected.changes} == {None}
    assert [each.kind for each in corrected.signals if "handoff" in each.kind] == []
    assert one.contact.fold.handoff is not None
    assert one.contact.fold.handoff.answer is None


@pytest.mark.parametrize("answer", ["handoff.accepted", "handoff.rejected"])
def test_an_answer_stays_through_a_correction(answer: str) -> None:
    one = Story()
    hear(one, "demo.requested", 1.5)
    hear(one, answer, 1.6, transition_id="any", actor="rep-7", reason="not now")
    stage = one.stage
    corrected = hear(one, "pricing.requested", 1.2, arrives=1.7)
    assert "corrected T3" in " ".join(told(corrected.changes))
    assert "revoked" not in {each.kind for each in corrected.changes}
    assert [each.kind for each in corrected.signals if "handoff" in each.kind] == []
    assert one.stage == stage
    assert one.contact.fold.handoff is not None
    assert one.contact.fold.handoff.answer == answer.removeprefix("handoff.")


def test_the_clock_of_a_hand_off_stays_through_a_correction() -> None:
    """It runs from the arrival of what asked for it, not of what moved its date."""
    one = Story()
    hear(one, "demo.requested", 1.5)
    due = one.contact.fold.clocks["handoff_accept"]
    hear(one, "pricing.requested", 1.2, arrives=1.7)
    assert one.contact.fold.clocks["handoff_accept"] == due


def test_a_cause_too_old_to_ask_leaves_an_open_hand_off_open() -> None:
    one = Story()
    hear(one, "demo.requested", 9)
    due = one.contact.fold.clocks["handoff_accept"]
    corrected = hear(one, "pricing.requested", 1, arrives=9.2)
    assert told(corrected.changes)[-1] == "corrected T3 → opportunity"
    assert corrected.signals == []
    assert one.contact.fold.clocks["handoff_accept"] == due
    rejected = hear(one, "handoff.rejected", 9.3, transition_id="x", actor="r", reason="early")
    assert told(rejected.changes) == ["changed T8 → recycled"]


@pytest.mark.parametrize("answer", ["handoff.accepted", "handoff.rejected"])
def test_a_cause_too_old_to_ask_leaves_an_answer_as_it_is(answer: str) -> None:
    one = Story()
    hear(one, "demo.requested", 9)
    hear(one, answer, 9.1, transition_id="any", actor="rep-7", reason="not now")
    stage = one.stage
    corrected = hear(one, "pricing.requested", 1, arrives=9.2)
    assert "revoked" not in {each.kind for each in corrected.changes}
    assert one.stage == stage
    assert one.contact.fold.handoff is not None
    assert one.contact.fold.handoff.answer == answer.removeprefix("handoff.")


def test_what_was_always_too_old_to_ask_is_answered_by_nobody() -> None:
    one = Story()
    late = hear(one, "demo.requested", 1, arrives=9)
    assert [each.kind for each in late.signals if "handoff" in each.kind] == []
    rejected = hear(one, "handoff.rejected", 9.1, transition_id="x", actor="r", reason="early")
    assert (rejected.changes, one.stage) == ([], "opportunity")
    assert [each.kind for each in hear(one, "pricing.requested", 9.2).signals] == []
    assert "handoff_accept" not in one.contact.fold.clocks


def test_a_hand_off_taken_back_with_its_opportunity_is_withdrawn() -> None:
    one = Story()
    hear(one, "demo.requested", 5)
    late = hear(one, "contact.opted_out", 2)
    assert "handoff_withdrawn" in {each.kind for each in late.signals}


def test_a_revocation_and_its_return_have_revisions_of_their_own() -> None:
    one = at_stage("prospect")
    one.tell("demo.requested", 5)
    out, back = one.tell("contact.opted_out", 2), one.tell("contact.opted_in", 3)
    assert told(out.changes) == ["revoked T3 → prospect"]
    assert told(back.changes) == ["changed T3 → opportunity"]
    assert [each.revision for each in one.changes if each.transition == "T3"] == [0, 0, 1]


def test_retractions_are_kept_in_bounds_and_what_was_taken_back_stays_so() -> None:
    one = Story()
    hear(one, "newsletter.signed_up", 0)
    hear(one, "email.replied", 1)
    reply = interaction("email.replied", 1).id
    take_back(one, 2, reply)
    for n in range(RETRACTED_MAX):
        take_back(one, 2 + n / RETRACTED_MAX, f"never-came-{n}")
    assert len(one.contact.book.retracted) == RETRACTED_MAX
    assert one.contact.book.retracted[-1] == ("/a", f"never-came-{RETRACTED_MAX - 1}")
    hear(one, "content.downloaded", -1, arrives=4)  # late: everything is folded again
    assert one.contact.book.state.stage == "lead"
