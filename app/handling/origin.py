"""Where a record first stood: a forwarded one says it in a header that only lanes may write.

Forwarding keeps value and headers and adds two: ``funnel-forwarded-key``, the key the producer
gave, and last ``funnel-forwarded`` = topic:partition:offset:timestamp.
Headers of these names on any topic but the commands topic come from strangers and mean nothing.
"""

from typing import NamedTuple

from app.domain.topics import Topic
from app.handling.records import OutputHeaders, SourceRecord

FORWARDED = "funnel-forwarded"
FORWARDED_KEY = "funnel-forwarded-key"


class Origin(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp_ms: int


def forwarding_headers(record: SourceRecord, topic: str) -> OutputHeaders:
    """The record's own headers, then those that let `restore` undo the forwarding."""
    headers: OutputHeaders = [*record.headers, (FORWARDED_KEY, record.key)]
    origin = f"{topic}:{record.partition}:{record.offset}:{record.timestamp_ms}"
    headers.append((FORWARDED, origin.encode()))
    return headers


def origin_of(record: SourceRecord, topic: str) -> Origin | None:
    """The original's coordinates; None where the record is itself the original.

    ValueError if the header is there, on the commands topic, and can't be read.
    """
    if topic != Topic.COMMANDS:
        return None
    for name, value in reversed(record.headers):
        if name == FORWARDED:
            return _parse(value)
    return None


def restore(record: SourceRecord, topic: str) -> tuple[Origin, SourceRecord]:
    """The record as its producer wrote it, and where that stands. Undoes one forwarding."""
    try:
        origin = origin_of(record, topic)
    except ValueError:
        origin = None
    if origin is None:
        return Origin(topic, record.partition, record.offset, record.timestamp_ms), record
    headers = list(record.headers)
    while headers.pop()[0] != FORWARDED:
        pass
    key = None
    if headers and headers[-1][0] == FORWARDED_KEY:
        key = headers.pop()[1]
    return origin, record._replace(timestamp_ms=origin.timestamp_ms, key=key, headers=headers)


def _parse(value: bytes | None) -> Origin:
    topic, partition, offset, timestamp_ms = (value or b"").decode().rsplit(":", 3)
    return Origin(topic, int(partition), int(offset), int(timestamp_ms))
