"""Dead letters as they are shown: what is wrong and where, never what they say."""

import re
from typing import Any, Final

import msgspec

from app.domain.timestamps import format_rfc3339
from app.handling.claims import claims_of
from app.inbound.outline import outline
from app.outbound.redriving import is_whole
from app.storage.rows import StoredDeadLetter

_WHERE: Final = re.compile(r"(/[^:\s]*|value|header [^:\s]+): ").match
_MISSING: Final = re.compile(r".*: (\w+) is required").fullmatch
HEADERS_MAX: Final = 100
NAME_MAX_CHARS: Final = 100


class DeadLetter(msgspec.Struct, frozen=True):
    """Without key, value and headers: they may hold personal data. They are on the topic
    dlq.funnel.interactions.v1, under the same original coordinates."""

    id: int
    failed_at: str
    reason: str
    message: str
    lane: str
    topic: str
    partition: int
    offset: int
    type: str | None
    """As it says itself; null: nothing that can be read."""
    source: str | None
    redriven: int
    """How often the original was sent again, also before it failed this time."""
    redriven_at: str | None
    """null: it was not since."""
    redriven_by: str | None


class DeadLetterPage(msgspec.Struct, frozen=True):
    items: list[DeadLetter]
    next: str | None


class DeadLetterDetail(DeadLetter, frozen=True):
    """What is wrong with one, and where."""

    where: str | None
    """A JSON pointer into the event, or a header; null: in no single place."""
    exception: str
    event_id: str | None
    time: str | None
    """The broker's, of the original; null: it had none."""
    value_bytes: int
    headers: list[str]
    """Their names."""
    shape: Any
    """Of the value: its names, and the kind of what stands under each. Names that no schema knows
    are stars. null: it is no JSON."""
    is_whole: bool
    """False: it was too large to be kept, and can't be sent again."""


def dead_letter_answer(letter: StoredDeadLetter) -> DeadLetter:
    row, at = letter.row, letter.redriven_at
    return DeadLetter(
        id=letter.id,
        failed_at=format_rfc3339(row.failed_at),
        reason=row.reason,
        message=row.message,
        lane=letter.lane,
        topic=row.topic,
        partition=row.source_partition,
        offset=row.source_offset,
        type=row.type,
        source=row.source,
        redriven=letter.redriven,
        redriven_at=None if at is None else format_rfc3339(at),
        redriven_by=letter.redriven_by,
    )


def dead_letter_detail(letter: StoredDeadLetter) -> DeadLetterDetail:
    row = letter.row
    found = _WHERE(row.message)
    where = None if found is None else found[1]
    if where is not None and (missing := _MISSING(row.message)) is not None:
        where = f"{where}/{missing[1]}"
    return DeadLetterDetail(
        **msgspec.structs.asdict(dead_letter_answer(letter)),
        where=where,
        exception=row.exception,
        event_id=claims_of(row.value, row.headers).id,
        time=None if row.timestamp_ms < 0 else format_rfc3339(row.timestamp_ms * 1000),
        value_bytes=len(row.value or b""),
        headers=[name[:NAME_MAX_CHARS] for name, _ in row.headers[:HEADERS_MAX]],
        shape=outline(row.value),
        is_whole=is_whole(letter),
    )
