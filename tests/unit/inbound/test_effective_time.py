"""Funnel rule 2: when an interaction was true; and which texts are times."""

from datetime import UTC, datetime

import pytest

from app.domain.timestamps import format_rfc3339, parse_rfc3339
from app.errors import Poison
from app.inbound.effective_time import EARLIEST, effective_time

ARRIVED_AT = 1_772_442_845_412_000
TOLERANCE = 300_000_000


def at(text: str) -> int:
    moment = parse_rfc3339(text)
    assert moment is not None
    return moment


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (None, ARRIVED_AT),
        ("2026-03-02T09:14:05Z", 1_772_442_845_000_000),
        ("2026-03-02T09:14:05.412Z", ARRIVED_AT),
        ("2026-03-02T09:14:05.412001Z", ARRIVED_AT),
        ("2026-03-02T09:19:05.412Z", ARRIVED_AT),
        ("2000-01-01T00:00:00Z", EARLIEST),
    ],
    ids=["absent", "before", "same", "a moment ahead: clamped", "five minutes: clamped", "2000"],
)
def test_effective_time(stated: str | None, expected: int) -> None:
    assert effective_time(stated, ARRIVED_AT, TOLERANCE) == expected


@pytest.mark.parametrize(
    "stated",
    ["2026-03-02T09:19:05.412001Z", "1999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+23:59"],
)
def test_time_out_of_range(stated: str) -> None:
    with pytest.raises(Poison) as refused:
        effective_time(stated, ARRIVED_AT, TOLERANCE)
    assert refused.value.reason == "time_out_of_range"


@pytest.mark.parametrize("arrived_at", [-1000, EARLIEST - 1, 10**18])
def test_a_broker_time_that_no_broker_has_is_refused(arrived_at: int) -> None:
    with pytest.raises(Poison):
        effective_time(None, arrived_at, TOLERANCE)


SAME_MOMENT = int(datetime(2026, 3, 2, 9, 14, 5, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "after_us"),
    [
        ("2026-03-02T09:14:05Z", 0),
        ("2026-03-02t09:14:05z", 0),
        ("2026-03-02 09:14:05Z", 0),
        ("2026-03-02T09:14:05-00:00", 0),
        ("2026-03-02T10:44:05+01:30", 0),
        ("2026-03-01T09:15:05-23:59", 0),
        ("2026-03-02T09:14:05.1Z", 100_000),
        ("2026-03-02T09:14:05.123456Z", 123_456),
        ("2026-03-02T09:14:05.1234569Z", 123_456),
        ("2026-03-02T09:14:05.00000099999999999999999999Z", 0),
    ],
)
def test_rfc3339_is_read_to_the_microsecond(text: str, after_us: int) -> None:
    assert parse_rfc3339(text) == SAME_MOMENT + after_us


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-03-02",
        "2026-03-02T09:14Z",
        "2026-03-02T09:14:05",
        "2026-03-02T09:14:05,5Z",
        "2026-03-02T09:14:05.Z",
        "2026-03-02T09:14:05+0100",
        "2026-03-02T09:14:05+24:00",
        "2026-03-02T09:14:05+01:60",
        "2026-03-02T24:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "20260302T091405Z",
        "2026-W10-1T09:14:05Z",
        "12026-03-02T09:14:05Z",
        "٢٠٢٦-03-02T09:14:05Z",
        "2026-03-02T09:14:05Z\n",
        "2026-03-02T09:14:61Z",
        "2026-03-02T09:14:60Z",
        "2026-06-30T23:59:60+01:00",
    ],
)
def test_all_else_is_no_time(text: str) -> None:
    assert parse_rfc3339(text) is None


@pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2017-01-01T01:59:60+02:00"])
def test_a_leap_second_is_the_second_after_it(text: str) -> None:
    assert parse_rfc3339(text) == at("2017-01-01T00:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T09:14:05Z",
        "2026-03-02T09:14:05.412Z",
        "2026-03-02T09:14:05.000001Z",
        "2026-03-02T09:14:05.120Z",
        "1969-12-31T23:59:59.999Z",
        "0001-01-01T00:00:00Z",
    ],
)
def test_times_are_written_as_they_are_read(text: str) -> None:
    assert format_rfc3339(at(text)) == text
