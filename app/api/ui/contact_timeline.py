"""A contact's timeline, a part at a time: what was done and what time alone moved, newest first."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from app.api.contact_reading import ContactReading
from app.api.cursor import cursor_of, key_of
from app.api.timeline import Move, TimelineItem, items_of
from app.domain.bitemporal import standing
from app.domain.entry import FUNNEL, TIMER, Entry, Key
from app.domain.identity import whole_log
from app.domain.timestamps import format_rfc3339
from app.storage.rows import StoredChange

ROWS: Final = 40


class TimelinePart(NamedTuple):
    items: list[TimelineItem]
    next: str | None
    """What is older is asked for after this; None: that was all."""


async def read_timeline(
    contacts: ContactReading, tenant: str, key: str, after: str | None
) -> TimelinePart:
    """`after`: the `next` of the part before. Problem 404, 422; Unavailable."""
    last = key_of(after, Key)
    found = await contacts.contact(tenant, key)
    records = await contacts.history(tenant, key)
    return await asyncio.to_thread(part_of, list(whole_log(found)), records, last)


def part_of(
    entries: Sequence[Entry],
    records: Sequence[StoredChange],
    after: Key | None = None,
    rows: int = ROWS,
) -> TimelinePart:
    """`entries`: newest first. What time alone moved stands in the part that it is older than the
    end of, so that each is told once."""
    older = [entry for entry in entries if after is None or entry.key < after]
    page = older[:rows]
    goes_on = len(older) > rows
    before = None if after is None else format_rfc3339(after[0])
    since = format_rfc3339(page[-1].time) if goes_on else ""
    timed = [
        each
        for each in _timed(records)
        if each.time >= since and (before is None or each.time < before)
    ]
    items = [*items_of(page, records), *timed]
    if timed:
        items.sort(key=lambda item: item.time, reverse=True)
    return TimelinePart(items, cursor_of(page[-1].key) if goes_on else None)


def _timed(records: Sequence[StoredChange]) -> list[TimelineItem]:
    """Moves that still stand and were made by timers, each firing as an item of its own."""
    fired: dict[tuple[str, str], list[Move]] = {}
    for stored in standing(records):
        change = stored.change
        if change.cause.type.startswith(TIMER):
            at = format_rfc3339(change.effective_at), change.cause.type
            move = Move(change.seq, change.transition, change.from_stage, change.to_stage)
            fired.setdefault(at, []).append(move)
    return [
        TimelineItem(at, at, name, FUNNEL, name, None, None, None, False, False, False, {}, moves)
        for (at, name), moves in fired.items()
    ]
