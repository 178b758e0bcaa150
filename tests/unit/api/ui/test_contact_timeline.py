"""A contact's timeline in parts, and what it says of each interaction."""

from typing import Any

import pytest
from msgspec.structs import replace

from app.api.cursor import key_of
from app.api.timeline import TimelineItem
from app.api.ui.contact_timeline import part_of
from app.api.ui.told import told_of
from app.domain.calendar import DAY
from app.domain.changes import Cause
from app.domain.entry import FUNNEL, Entry, Key
from app.storage.rows import StoredChange
from tests.storage.batches import NOW, change

ITEM = TimelineItem(
    time="2026-03-02T09:14:05Z", arrived_at="2026-03-02T09:14:05Z", type="deal.updated",
    source="https://crm.example/deals", id="e-1", channel=None, campaign_id=None, member=None,
    is_automated=False, is_backfill=False, is_retracted=False, fields={}, moves=[],
)  # fmt: skip


def entry(n: int, day: int) -> Entry:
    at = NOW + day * DAY
    return Entry(at, "/shop", f"e-{n}", "email.opened", 0, at, n, 0, None, None, None)


def timed(seq: int, day: int) -> StoredChange:
    at = NOW + day * DAY
    cause = Cause("timer:lead_dormant", FUNNEL, "timer:lead_dormant")
    row = change(seq, effective_at=at, cause=cause, from_stage="lead", to_stage="recycled")
    return StoredChange(0, "default", "c-1", at, None, row.change)


@pytest.mark.parametrize("rows", [1, 2, 3, 40])
def test_every_interaction_and_every_timer_is_told_once_newest_first(rows: int) -> None:
    entries = [entry(n, day) for n, day in reversed(list(enumerate((1, 4, 7, 7, 9))))]
    records = [timed(seq, day) for seq, day in enumerate((2, 5, 7, 8), start=1)]
    found: list[TimelineItem] = []
    after: Any = None
    while True:
        part = part_of(entries, records, after, rows)
        found += part.items
        if part.next is None:
            break
        after = key_of(part.next, Key)
    assert len({(each.time, each.source, each.id) for each in found}) == len(found) == 9
    assert [each.time for each in found] == sorted((each.time for each in found), reverse=True)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"amount": 30000, "currency": "EUR", "deal_id": "d-1"}, ["30,000 EUR", "deal d-1"]),
        ({"criterion": "budget", "value": "not_met", "actor": "jo"}, ["Budget: not met", "by jo"]),
        ({"is_auto_reply": False, "conversation": True}, ["conversation"]),
        ({"probability": 0.4, "@account": "firm.example"}, ["probability 40%"]),
        ({"product_id": "<product_id>"}, []),
    ],
)
def test_fields_are_told_in_words(fields: dict[str, Any], told: list[str]) -> None:
    assert told_of(replace(ITEM, fields=fields)) == [*told, "crm.example"]


def test_what_does_not_count_says_so() -> None:
    item = replace(ITEM, is_automated=True, is_retracted=True, source=FUNNEL)
    assert told_of(item) == [
        "automated, does not count",
        "retracted, does not count",
        "by time alone",
    ]
