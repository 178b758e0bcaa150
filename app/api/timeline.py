"""A contact's interactions, newest first, each with the moves that it made."""

from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import get
from litestar.di import NamedDependency as Given

from app.api.contact_reading import ContactReading
from app.api.contacts import READS
from app.api.cursor import After, Limit, cursor_of, key_of
from app.api.principal import Principal
from app.domain.bitemporal import standing
from app.domain.entry import AUTOMATED, BACKFILL, RETRACTED, Entry, Key
from app.domain.identity import whole_log
from app.domain.timestamps import format_rfc3339
from app.storage.rows import StoredChange


class Move(msgspec.Struct, frozen=True):
    seq: int
    transition: str
    from_stage: str
    to_stage: str


class TimelineItem(msgspec.Struct, frozen=True):
    """An interaction, without what it may hold about a person."""

    time: str
    arrived_at: str
    type: str
    source: str
    id: str
    channel: str | None
    campaign_id: str | None
    member: str | None
    """The linked contact it is of; null: this one."""
    is_automated: bool
    is_backfill: bool
    is_retracted: bool
    """It does not count."""
    fields: dict[str, Any]
    """Those that the model reads."""
    moves: list[Move]
    """What it moved, of what still stands."""


class Timeline(msgspec.Struct, frozen=True):
    items: list[TimelineItem]
    next: str | None
    """Give it as `after` for what is older; null: that was all."""


@get("/contacts/{contact_id:str}/timeline", summary="Its interactions, newest first", **READS)
async def timeline(
    key: Given[str],
    principal: Given[Principal],
    contacts: Given[ContactReading],
    limit: Limit = 50,
    after: After = None,
) -> Timeline:
    last = key_of(after, Key)
    contact = await contacts.contact(principal.tenant, key)
    records = await contacts.history(principal.tenant, key)
    older = [entry for entry in whole_log(contact) if last is None or entry.key < last]
    page = older[:limit]
    goes_on = cursor_of(page[-1].key) if len(older) > limit else None
    return Timeline(items_of(page, records), goes_on)


def items_of(entries: Iterable[Entry], records: Iterable[StoredChange]) -> list[TimelineItem]:
    """In the order given, each with what it moved of the contact's history."""
    moves = _by_cause(records)
    return [_item(entry, moves.get((entry.source, entry.id), [])) for entry in entries]


def _by_cause(history: Iterable[StoredChange]) -> dict[tuple[str, str], list[Move]]:
    found: dict[tuple[str, str], list[Move]] = {}
    for stored in standing(history):
        change = stored.change
        move = Move(change.seq, change.transition, change.from_stage, change.to_stage)
        found.setdefault((change.cause.source, change.cause.event_id), []).append(move)
    return found


def _item(entry: Entry, moves: list[Move]) -> TimelineItem:
    return TimelineItem(
        time=format_rfc3339(entry.time),
        arrived_at=format_rfc3339(entry.arrived_at),
        type=entry.type,
        source=entry.source,
        id=entry.id,
        channel=entry.channel,
        campaign_id=entry.campaign_id,
        member=entry.member,
        is_automated=bool(entry.flags & AUTOMATED),
        is_backfill=bool(entry.flags & BACKFILL),
        is_retracted=bool(entry.flags & RETRACTED),
        fields=entry.fields or {},
        moves=moves,
    )
