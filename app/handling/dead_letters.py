"""What a dead letter carries: the record as its producer wrote it, and where that stands."""

from typing import Final

from app.domain.interaction import Microseconds
from app.errors import Poison
from app.handling.claims import claims_of
from app.handling.origin import Origin, restore
from app.handling.records import Headers, SourceRecord
from app.storage.rows import DeadLetterRow

VALUE_MAX_BYTES: Final = 600_000
HEADERS_MAX_BYTES: Final = 200_000
"""Key and headers. Together below what one produced batch may hold: a record that was accepted
compressed may be far larger, and one that can't be published would stop its partition."""

CUT: Final = "__dlq.cut"
"""Header that says what was too large to keep: it stands in the original's place only."""

REDRIVEN: Final = "__dlq.redriven"
"""Header of an original that was sent again: how often."""


def as_dead_letter(record: SourceRecord, topic: str) -> tuple[Origin, SourceRecord]:
    """Forwarding undone, and cut to what can be published; verbatim in every usual case."""
    origin, original = restore(record, topic)
    size = len(original.key or b"") + sum(
        len(name.encode()) + len(value or b"") for name, value in original.headers
    )
    cut = []
    if size > HEADERS_MAX_BYTES:
        cut.append(f"key and headers: dropped, were {size} bytes")
        original = original._replace(key=None, headers=())
    if original.value is not None and len(original.value) > VALUE_MAX_BYTES:
        cut.append(f"value: the first {VALUE_MAX_BYTES} of {len(original.value)} bytes")
        original = original._replace(value=original.value[:VALUE_MAX_BYTES])
    if cut:
        headers = [*original.headers, (CUT, "; ".join(cut).encode())]
        original = original._replace(headers=headers)
    return origin, original


def dead_letter_row(
    record: SourceRecord, topic: str, partition: int, poison: Poison, failed_at: Microseconds
) -> DeadLetterRow:
    """As PostgreSQL keeps it; `partition` is the lane partition whose batch holds it."""
    origin, original = as_dead_letter(record, topic)
    said = claims_of(original.value, original.headers)
    return DeadLetterRow(
        partition=partition,
        topic=origin.topic,
        source_partition=origin.partition,
        source_offset=origin.offset,
        reason=poison.reason,
        message=str(poison),
        exception=exception_name(poison),
        failed_at=failed_at,
        key=original.key,
        value=original.value,
        headers=list(original.headers),
        timestamp_ms=origin.timestamp_ms,
        type=said.type,
        source=said.source,
        redriven=times_redriven(original.headers),
    )


def times_redriven(headers: Headers) -> int:
    """As the record says itself."""
    said = [value or b"" for name, value in headers if name == REDRIVEN]
    return max((int(text) for text in said if text.isdigit() and len(text) < 9), default=0)


def exception_name(poison: Poison) -> str:
    """The class of what went wrong: the cause where there is one."""
    return type(poison.__cause__ or poison).__name__
