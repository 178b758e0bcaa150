"""History on two axes: what was true at one moment, by what was known at another."""

from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from app.domain.bitemporal import stage_at, standing
from app.domain.changes import Change
from tests.unit.domain.story import DAY, MONDAY, Story


class Row(NamedTuple):
    change: Change
    decided_at: int


def day(number: float) -> int:
    return MONDAY + round(number * DAY)


def told(*steps: tuple[str, float, float, dict[str, Any]]) -> list[Row]:
    """Rows of steps that were true on one day and known on another."""
    one, rows = Story(), []
    for kind, true_on, known_on, data in steps:
        decision = one.tell(kind, true_on, **data)
        rows += [Row(change, day(known_on)) for change in decision.changes]
    return rows


LATE_OPT_OUT = told(("demo.requested", 5, 5, {}), ("contact.opted_out", 2, 8, {}))
LATE_TALK = told(
    ("newsletter.signed_up", 6, 6, {}),
    ("email.replied", 3, 9, {}),
    ("contact.disqualified", 7, 10, {}),
)


@pytest.mark.parametrize(
    ("rows", "as_of", "known_at", "stage"),
    [
        ([], 5, 5, "none"),
        (LATE_OPT_OUT, 4, 9, "none"),
        (LATE_OPT_OUT, 5, 4, "none"),
        (LATE_OPT_OUT, 5, 5, "opportunity"),
        (LATE_OPT_OUT, 9, 7.9, "opportunity"),
        (LATE_OPT_OUT, 9, 8, "lead"),
        (LATE_OPT_OUT, 5, 8, "lead"),
        (LATE_OPT_OUT, 4.9, 8, "none"),
        (LATE_TALK, 4, 6, "none"),
        (LATE_TALK, 4, 9, "prospect"),
        (LATE_TALK, 6, 8, "lead"),
        (LATE_TALK, 6, 9, "prospect"),
        (LATE_TALK, 8, 9, "prospect"),
        (LATE_TALK, 8, 10, "disqualified"),
        (LATE_TALK, 6.9, 10, "prospect"),
    ],
)
def test_the_stage_at_one_moment_as_known_at_another(
    rows: list[Row], as_of: float, known_at: float, stage: str
) -> None:
    assert stage_at(rows, day(as_of), day(known_at)) == stage


def test_a_corrected_move_is_known_as_it_was_last_told() -> None:
    moves = standing(LATE_TALK)
    assert [move.change.effective_at for move in moves] == [day(3), day(3), day(7)]
    assert [move.change.kind for move in moves] == ["corrected", "changed", "changed"]
    before = standing(LATE_TALK, known_at=day(8))
    assert [move.change.effective_at for move in before] == [day(6)]


def test_a_move_that_returns_stands_again() -> None:
    rows = told(
        ("email.replied", 9, 9, {}),
        ("contact.opted_out", 2, 10, {}),
        ("contact.opted_in", 3, 11, {}),
    )
    stages = [stage_at(rows, day(9), day(known)) for known in (9, 10, 11)]
    assert stages == ["prospect", "lead", "prospect"]


def test_what_was_knowable_at_once_is_in_the_order_in_which_it_happened() -> None:
    """All of one moment: the detour before the moves that stood is told after them."""
    rows = told(
        ("newsletter.signed_up", 1, 1, {}),
        ("stage.override", 5, 5, {"source": "/z", "to_stage": "customer"}),
        ("stage.override", 5, 6, {"source": "/a", "to_stage": "recycled"}),
        ("stage.override", 5, 7, {"source": "/b", "to_stage": "lead", "event_id": "back"}),
    )
    walk = [(move.change.from_stage, move.change.to_stage) for move in standing(rows)]
    assert [from_stage for from_stage, _ in walk[1:]] == [to_stage for _, to_stage in walk[:-1]]
    assert stage_at(rows, day(5), day(7)) == "customer"


def test_records_that_another_workers_clock_dated_early_are_not_known_early() -> None:
    first, second = Row(LATE_TALK[0].change, day(6)), Row(LATE_TALK[1].change, day(5))
    assert standing([first, second], known_at=day(5)) == []
    assert len(standing([first, second], known_at=day(6))) == 1


def test_a_history_with_a_gap_is_told_as_it_came() -> None:
    """Nothing of the kind is written; it must not hang or lose a move."""
    (change, known), *_ = LATE_TALK
    gap = replace(change, from_stage="lost", to_stage="recycled", seq=2, transition_id="f" * 32)
    rows = [Row(change, known), Row(gap, known)]
    assert [row.change.seq for row in standing(rows)] == [1, 2]
