"""A dead letter is the original, with what was wrong in headers."""

import pytest

from app.domain.reasons import Reason
from app.domain.topics import Topic
from app.errors import Poison, RuleError
from app.handling.origin import forwarding_headers
from app.handling.records import OutputRecord, SourceRecord
from tests.unit.outbound.decisions import DECIDED_AT, encoder

POISON = Poison(Reason.UNDECODABLE, "value: is not JSON")
ORIGINAL = SourceRecord(
    0, 5, 7, 1_700_000_000_000, b"\x00key", b"\xffvalue", [("a", b"\xfe"), ("a", None)]
)
ERRORS = {
    "__dlq.errors.topic": b"funnel.interactions.v1",
    "__dlq.errors.partition": b"5",
    "__dlq.errors.offset": b"7",
    "__dlq.errors.group": b"funnel",
    "__dlq.errors.message": b"value: is not JSON",
    "__dlq.errors.reason": b"undecodable",
    "__dlq.errors.exception": b"Poison",
    "__dlq.errors.time": b"2026-03-02T09:14:05.412Z",
}


def buried(record: SourceRecord, poison: Poison = POISON, partitions: int = 12) -> OutputRecord:
    return encoder(partitions).dead_letter(record, poison, DECIDED_AT)


def test_the_original_is_verbatim() -> None:
    letter = buried(ORIGINAL)
    assert letter.topic == Topic.DEAD_LETTERS
    assert (letter.key, letter.value, letter.timestamp_ms) == (
        ORIGINAL.key,
        ORIGINAL.value,
        ORIGINAL.timestamp_ms,
    )
    assert letter.headers[:2] == ORIGINAL.headers


def test_headers_say_what_was_wrong_and_where() -> None:
    assert dict(buried(ORIGINAL).headers[2:]) == ERRORS


def test_a_forwarded_original_is_restored() -> None:
    forwarded = ORIGINAL._replace(
        topic=1,
        partition=9,
        offset=99,
        timestamp_ms=ORIGINAL.timestamp_ms + 60_000,
        key=b"routing key",
        headers=[*forwarding_headers(ORIGINAL, Topic.INTERACTIONS), ("funnel-batch", b"c/5/1")],
    )
    assert buried(forwarded) == buried(ORIGINAL)


@pytest.mark.parametrize(("partitions", "expected"), [(12, 5), (5, 0), (3, 2)])
def test_the_partition_is_the_originals_as_far_as_there_is_one(
    partitions: int, expected: int
) -> None:
    assert buried(ORIGINAL, partitions=partitions).partition == expected


def test_a_record_without_anything_is_buried_too() -> None:
    letter = buried(ORIGINAL._replace(key=None, value=None, headers=(), timestamp_ms=-1))
    assert (letter.key, letter.value, letter.timestamp_ms) == (None, None, None)
    assert dict(letter.headers) == ERRORS


def test_the_exception_is_the_cause_where_there_is_one() -> None:
    poison = RuleError("T3: a guard failed")
    poison.__cause__ = ZeroDivisionError()
    headers = dict(buried(ORIGINAL, poison).headers)
    assert headers["__dlq.errors.exception"] == b"ZeroDivisionError"
    assert headers["__dlq.errors.reason"] == b"rule_error"


def test_a_redriven_record_keeps_its_count() -> None:
    again = ORIGINAL._replace(headers=[("__dlq.redriven", b"1")])
    assert dict(buried(again).headers)["__dlq.redriven"] == b"1"
