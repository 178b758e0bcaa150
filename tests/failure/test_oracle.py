"""The oracle against sentences of the model: what it gets wrong, the checker would excuse."""

from typing import Any

import pytest

from tests.failure.catalogue import DAY
from tests.failure.oracle import fold
from tests.failure.past import Event

MARCH = 20_513 * DAY
"""2026-03-01, in microseconds."""

Told = tuple[float, str, dict[str, Any]]

NEWSLETTER: Told = (0, "newsletter.signed_up", {"email": "ada@firm.example"})
REPLY: Told = (1, "email.replied", {"is_auto_reply": False})
DEMO: Told = (2, "demo.requested", {})
WON: Told = (9, "deal.won", {"deal_id": "d"})


def _fact(day: float, criterion: str, value: str, **more: str) -> Told:
    return day, "qualification.recorded", {"criterion": criterion, "value": value, **more}


def _override(day: float, stage: str) -> Told:
    return day, "stage.override", {"to_stage": stage, "reason": "r", "actor": "a"}


def _visit(day: float) -> Told:
    return day, "website.visited", {"page_kind": "docs"}


CASES: dict[str, tuple[list[Told], str]] = {
    "an opened mail makes no lead": ([(0, "email.opened", {})], ""),
    "a role mailbox is no person": (
        [(0, "newsletter.signed_up", {"email": "info@firm.example"})],
        "",
    ),
    "a newsletter makes a lead": ([NEWSLETTER], "lead"),
    "a reply makes a prospect": ([NEWSLETTER, REPLY], "lead prospect"),
    "an auto-reply does not": ([NEWSLETTER, (1, "email.replied", {"is_auto_reply": True})], "lead"),
    "an intent passes every stage": ([DEMO], "lead prospect opportunity"),
    "a docs page on the first day is one-way": ([_visit(0)], "lead"),
    "weak ones need two days": ([NEWSLETTER, _visit(1), _visit(1.1)], "lead"),
    "weak ones on two days are enough": ([NEWSLETTER, _visit(1), _visit(2)], "lead prospect"),
    "a need not met disqualifies": ([DEMO, _fact(3, "need", "not_met")], "… disqualified"),
    "a fact brings it back as far as guards allow": (
        [NEWSLETTER, REPLY, _fact(3, "need", "not_met"), _fact(4, "need", "met")],
        "lead prospect disqualified lead prospect",
    ),
    "a used intent does not count again": (
        [DEMO, _fact(3, "need", "not_met"), _fact(4, "need", "met")],
        "… disqualified lead prospect",
    ),
    "never after contact.disqualified": (
        [NEWSLETTER, (1, "contact.disqualified", {}), _fact(4, "need", "met")],
        "lead disqualified",
    ),
    "an expired fact counts at the next fact": (
        [
            NEWSLETTER,
            _fact(3, "need", "not_met", valid_until="2026-03-06"),
            _fact(9, "pain", "met"),
        ],
        "lead disqualified lead",
    ),
    "a won deal passes every stage": ([WON], "lead prospect opportunity customer"),
    "a customer is not disqualified by a fact": ([WON, _fact(10, "fit", "not_met")], "… customer"),
    "a lost deal with another open loses nothing": (
        [DEMO, (3, "deal.updated", {"deal_id": "b"}), (4, "deal.lost", {"deal_id": "a"})],
        "lead prospect opportunity",
    ),
    "the last lost deal loses": ([DEMO, (4, "deal.lost", {"deal_id": "a"})], "… lost"),
    "blocked by authority": ([_fact(0, "authority", "none"), NEWSLETTER, REPLY], "lead"),
    "blocked by an opt-out of processing": (
        [(0, "contact.opted_out", {"scope": "processing"}), NEWSLETTER, REPLY],
        "lead",
    ),
    "pain not met holds the opportunity": ([_fact(0, "pain", "not_met"), DEMO], "lead prospect"),
    "an override moves up by the way": ([_override(0, "opportunity")], "lead prospect opportunity"),
    "an override moves down at once": ([DEMO, _override(3, "lead")], "… lead"),
    "a passed deadline is no intent": (
        [(0, "decision_deadline.communicated", {"deadline": "2026-02-01"})],
        "lead prospect",
    ),
    "an old intent is over": (
        [_fact(0, "pain", "not_met"), DEMO, _fact(95, "pain", "met")],
        "lead prospect",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_oracle_says(name: str) -> None:
    told, expected = CASES[name]
    events = [
        Event("default", "c", "/s", f"e{at}", kind, round(MARCH + day * DAY), data)
        for at, (day, kind, data) in enumerate(told)
    ]
    stages = " ".join(move.to_stage for move in fold(events).moves)
    assert stages.endswith(expected.removeprefix("… ")) if "…" in expected else stages == expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([DEMO], ["lead"]),
        ([DEMO, _fact(3, "industry", "met")], ["lead", "prospect", "opportunity"]),
    ],
)
def test_an_unknown_industry_waits_where_it_is_held(told: list[Told], expected: list[str]) -> None:
    events = [
        Event("default", "c", "/s", f"e{at}", kind, round(MARCH + day * DAY), data)
        for at, (day, kind, data) in enumerate(told)
    ]
    assert [move.to_stage for move in fold(events, is_held=True).moves] == expected
