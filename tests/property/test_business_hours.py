"""Business time passes as a clock on the office wall says it does, minute by minute."""

from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain.business_hours import BusinessHours

MINUTE = 60_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ZONES = (
    None, "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe",
    "America/St_Johns", "Asia/Kathmandu", "Africa/Cairo", "Pacific/Auckland",
)  # fmt: skip

zones = st.sampled_from([name and ZoneInfo(name) for name in ZONES])
around_the_clock_changes = st.sampled_from(
    [datetime(2025, month, day, tzinfo=UTC) for month in (3, 4, 9, 10, 11) for day in (1, 24, 28)]
)
# The clock changes at night: offices open then see it only where they never close.
hours = st.sampled_from([(9, 17), (8.5, 16.75), (6, 7), (4, 23), (0, 24)])
days = st.frozensets(st.integers(0, 6), min_size=1)
off = st.frozensets(st.integers(0, 20), max_size=6)


def minute_by_minute(office: BusinessHours, start: int, minutes: int) -> int:
    """Walk from `start` a minute at a time, counting those in which the office is open."""
    left = minutes
    for minute in count():
        moment = start + minute * MINUTE
        if not left:
            return moment
        left -= is_open(office, moment)
    raise AssertionError


def is_open(office: BusinessHours, moment: int) -> bool:
    clock = (EPOCH + timedelta(microseconds=moment)).astimezone(office.zone or UTC)
    return (
        clock.weekday() in office.days
        and clock.toordinal() not in office.holidays
        and office.opens <= clock.hour + clock.minute / 60 < office.closes
    )


@example(
    ZoneInfo("Africa/Cairo"), datetime(2025, 4, 24, tzinfo=UTC), (0, 24), {3, 4, 5}, set(), 0, 1500
)
@example(
    ZoneInfo("Europe/Berlin"),
    datetime(2025, 10, 24, tzinfo=UTC),
    (0, 24),
    set(range(7)),
    set(),
    0,
    4000,
)
@settings(deadline=None)
@given(
    zones, around_the_clock_changes, hours, days, off, st.integers(0, 14_000), st.integers(1, 600)
)
def test_a_term_ends_when_its_last_open_minute_has_passed(
    zone: ZoneInfo | None,
    around: datetime,
    hours: tuple[float, float],
    days: frozenset[int],
    off: frozenset[int],
    start_minute: int,
    minutes: int,
) -> None:
    holidays = frozenset(around.toordinal() + day for day in off)
    office = BusinessHours(zone, *hours, frozenset(days), holidays)
    start = (around - EPOCH) // timedelta(microseconds=1) + start_minute * MINUTE
    assert office.after(start, minutes / 60) == minute_by_minute(office, start, minutes)


@settings(deadline=None)
@given(zones, hours, days, st.integers(0, 10**9), st.integers(0, 999), st.integers(0, 999))
def test_two_terms_after_each_other_are_one_term(
    zone: ZoneInfo | None,
    hours: tuple[float, float],
    days: frozenset[int],
    start_second: int,
    first: int,
    second: int,
) -> None:
    office = BusinessHours(zone, *hours, days)
    start = start_second * 1_000_000
    once = office.after(start, (first + second) / 60)
    assert office.after(office.after(start, first / 60), second / 60) == once
