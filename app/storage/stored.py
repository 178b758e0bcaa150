"""Rows as SQLAlchemy reads them -> the shapes the rest of the service knows."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from app.domain.changes import Change
from app.domain.interaction import Microseconds
from app.storage import detail
from app.storage.rows import DeadLetterRow, LaneRow, PartitionRow, StoredChange, StoredDeadLetter

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def as_lane(row: Row[*tuple[Any, ...]]) -> LaneRow:
    return LaneRow(row.lane, row.partitions, tuple(row.topics), tuple(row.topic_ids))


def as_partition(row: Row[*tuple[Any, ...]]) -> PartitionRow:
    return PartitionRow(
        lane=row.lane,
        partition=row.partition,
        epoch=row.epoch,
        owner=row.owner,
        batch_seq=row.batch_seq,
        next_offsets=tuple(row.next_offsets),
        as_of=microseconds(row.as_of),
        published_seq=row.published_seq,
        published_offsets=tuple(row.published_offsets),
    )


def as_moment(at: Microseconds) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def microseconds(at: datetime) -> Microseconds:
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment(at: Microseconds) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def as_change(row: Row[*tuple[Any, ...]]) -> StoredChange:
    return StoredChange(
        partition=row.partition,
        tenant=row.tenant,
        contact_id=row.contact_id,
        decided_at=microseconds(row.decided_at),
        revoked_at=None if row.revoked_at is None else microseconds(row.revoked_at),
        change=Change(
            kind=row.kind,
            seq=row.seq,
            revision=row.revision,
            transition_id=row.transition_id.hex,
            transition=row.transition,
            from_stage=row.from_stage,
            to_stage=row.to_stage,
            cycle=row.cycle,
            effective_at=microseconds(row.effective_at),
            late=row.late,
            model=row.model,
            revokes=None if row.revokes is None else row.revokes.hex,
            **detail.unpack(row.detail),
        ),
    )


def as_dead_letter(row: Row[*tuple[Any, ...]]) -> StoredDeadLetter:
    return StoredDeadLetter(
        id=row.id,
        lane=row.lane,
        row=DeadLetterRow(
            partition=row.partition,
            topic=row.topic,
            source_partition=row.source_partition,
            source_offset=row.source_offset,
            reason=row.reason,
            message=row.message,
            exception=row.exception,
            failed_at=microseconds(row.failed_at),
            key=row.key,
            value=row.value,
            headers=msgspec.msgpack.decode(row.headers, type=list[tuple[str, bytes | None]]),
            timestamp_ms=row.timestamp_ms,
            type=row.type,
            source=row.source,
        ),
        redriven=row.redriven,
        redriven_at=None if row.redriven_at is None else microseconds(row.redriven_at),
        redriven_by=row.redriven_by,
    )
