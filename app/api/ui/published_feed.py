"""Stage changes for the pages' feed: the latest from PostgreSQL, then as they are published."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, NamedTuple

import msgspec

from app.api.database import Database
from app.api.problems import RETRY_AFTER_SECONDS, Problem
from app.domain.timestamps import format_rfc3339
from app.live.client import Wanted as Listening
from app.live.streaming import Streaming
from app.outbound.headers import EventType
from app.storage import list_queries
from app.storage.list_queries import Wanted
from app.storage.move_queries import last_moves
from app.storage.rows import StoredChange

KINDS: Final = {
    EventType.STAGE_CHANGED.value: "changed",
    EventType.STAGE_REVOKED.value: "revoked",
    EventType.HISTORY_CORRECTED.value: "corrected",
}


class FeedItem(msgspec.Struct, frozen=True):
    """A record of funnel.stage-changes.v1."""

    kind: str
    """changed, revoked or corrected."""
    contact_id: str
    from_stage: str
    to_stage: str
    decided_at: str
    because: str
    """The type of the interaction, or timer:<name>."""
    seq: int
    """Of the contact's records on that topic: with its id, which one it is."""
    actor: str | None = None


class Told(NamedTuple):
    """What the stream says next; with neither an item nor a control it is a heartbeat."""

    position: str | None
    """From which to go on after it; None: there is none, Kafka is waited for."""
    item: FeedItem | None
    control: str | None
    """reset (load again what you show), dropped or end (connect again)."""


class _Cause(msgspec.Struct):
    type: str
    actor: str | None = None


class _Change(msgspec.Struct):
    """What is shown of a record on funnel.stage-changes.v1."""

    contact_id: str
    from_stage: str
    to_stage: str
    decided_at: str
    cause: _Cause
    seq: int


class _Event(msgspec.Struct):
    type: str
    data: _Change


_read = msgspec.json.Decoder(_Event).decode


class PublishedFeed:
    def __init__(self, database: Database, streaming: Streaming) -> None:
        self._database = database
        self._streaming = streaming

    async def recent(self, tenant: str, stages: tuple[str, ...], limit: int) -> list[FeedItem]:
        """Of the contacts that changed last."""
        if not limit:
            return []
        engine = self._database.engine
        rows = await list_queries.contacts(
            engine, Wanted(tenant, stages), sort="updated", limit=limit
        )
        ids = [row.contact_id for row in rows]
        keys = [(await self._database.home_of(tenant, id_), id_) for id_ in ids]
        return [_stored(each) for each in await last_moves(engine, tenant, keys)]

    def changes(self, tenant: str, after: str | None) -> AsyncGenerator[Told, None]:
        """As they are published. Problem 503: too many listen."""
        client = self._streaming.join(Listening(tenant, frozenset(KINDS)))
        if client is None:
            raise Problem(
                503,
                "too-many-streams",
                "as many pages follow the feed here as may: reload in a few seconds",
                headers={"retry-after": str(RETRY_AFTER_SECONDS)},
            )
        return _told_by(self._streaming.frames(client, after))


async def _told_by(frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[Told, None]:
    async with aclosing(frames) as chunks:
        async for chunk in chunks:
            for frame in filter(None, chunk.split(b"\n\n")):
                yield _of_frame(frame)


def _of_frame(frame: bytes) -> Told:
    fields = dict(line.split(b": ", 1) for line in frame.split(b"\n") if b": " in line)
    position = fields[b"id"].decode() if b"id" in fields else None
    if b"event" in fields:
        return Told(position, None, fields[b"event"].decode())
    item = _published(_read(fields[b"data"])) if b"data" in fields else None
    return Told(position, item, None)


def _published(event: _Event) -> FeedItem:
    data = event.data
    return FeedItem(
        kind=KINDS[event.type],
        contact_id=data.contact_id,
        from_stage=data.from_stage,
        to_stage=data.to_stage,
        decided_at=data.decided_at,
        because=data.cause.type,
        seq=data.seq,
        actor=data.cause.actor,
    )


def _stored(found: StoredChange) -> FeedItem:
    change = found.change
    return FeedItem(
        kind=change.kind,
        contact_id=found.contact_id,
        from_stage=change.from_stage,
        to_stage=change.to_stage,
        decided_at=format_rfc3339(found.decided_at),
        because=change.cause.type,
        seq=change.seq,
        actor=change.cause.actor,
    )
