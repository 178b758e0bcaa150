"""The blobs of a segment."""

from typing import NamedTuple

import msgspec
import pytest

from app.storage import segments


class Event(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class Output(msgspec.Struct, frozen=True, array_like=True):
    topic: str
    value: bytes
    timestamp_ms: int | None = None


EVENTS = [Event(7, b"k", b"v" * 10_000, [("a", b"1"), ("b", None)]), Event(8, None, None, [])]
OUTPUTS = [Output("t", b"\x00\xff"), Output("u", b"", 5)]


@pytest.mark.parametrize(("records", "kind"), [(EVENTS, Event), (OUTPUTS, Output), ([], Event)])
def test_what_is_packed_unpacks(records: list[Event], kind: type[Event]) -> None:
    assert segments.unpack(segments.pack(records), kind) == records


def test_the_same_records_pack_to_the_same_bytes() -> None:
    assert segments.pack(EVENTS) == segments.pack(list(EVENTS))


def test_repetition_is_compressed() -> None:
    assert len(segments.pack(EVENTS)) < 200


def test_a_format_of_the_future_is_refused() -> None:
    blob = b"\x02" + segments.pack(EVENTS)[1:]
    with pytest.raises(ValueError, match="format 02, this release reads 01"):
        segments.unpack(blob, Event)
