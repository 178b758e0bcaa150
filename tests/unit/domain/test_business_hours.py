"""Business hours: the default office, holidays, and what a model may not say of them."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.domain.business_hours import BusinessHours, business_hours_of
from app.domain.reading import Node
from app.domain.timestamps import format_rfc3339, parse_rfc3339
from app.errors import ModelError

BERLIN = ZoneInfo("Europe/Berlin")


def office(zone: ZoneInfo | None = None, **section: Any) -> BusinessHours:
    return business_hours_of(Node(section), zone)


def after(hours: BusinessHours, start: str, spent: float) -> str:
    moment = parse_rfc3339(start)
    assert moment is not None
    return format_rfc3339(hours.after(moment, spent))


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-03-02T09:00:00Z", 4, "2026-03-02T13:00:00Z"),
        ("2026-03-02T15:00:00.5Z", 4, "2026-03-03T11:00:00.500Z"),
        ("2026-03-02T03:00:00Z", 8, "2026-03-02T17:00:00Z"),
        ("2026-03-06T16:59:00Z", 8, "2026-03-09T16:59:00Z"),
        ("2026-03-07T12:00:00Z", 16, "2026-03-10T17:00:00Z"),
        ("2026-03-07T12:00:00Z", 0, "2026-03-07T12:00:00Z"),
    ],
)
def test_by_default_work_is_monday_to_friday_9_to_17(start: str, hours: float, end: str) -> None:
    assert after(office(), start, hours) == end


def test_the_local_clock_counts_also_over_the_change_to_summer_time() -> None:
    assert after(office(BERLIN), "2026-03-27T15:00:00Z", 4) == "2026-03-30T10:00:00Z"


def test_a_holiday_is_no_working_day() -> None:
    closed = office(holidays=["2026-12-24", "2026-12-25"])
    assert after(closed, "2026-12-23T16:00:00Z", 2) == "2026-12-28T10:00:00Z"


def test_other_days_and_hours_may_be_worked() -> None:
    week = business_hours_of(Node({"days": ["sun", "mon"], "from": 8.5, "to": 12}), None)
    assert after(week, "2026-03-02T11:30:00Z", 1) == "2026-03-08T09:00:00Z"


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"days": []}, "model: model: no day is a working day; name some of mon, tue"),
        ({"days": ["mo"]}, "'mo' is no day; did you mean `mon`?"),
        ({"from": 9, "to": 9.5}, "`to` must be an hour or more after `from`"),
        ({"from": 17, "to": 9}, "`to` must be an hour or more after `from`"),
        ({"to": 25}, "25 is no hour of a day; write 0 to 24"),
        ({"holidays": ["soon"]}, "holidays.0: 'soon' is no date; write it as 2026-12-24"),
        ({"holidays": "XX"}, "'XX' is no date"),
        ({"closes": 9}, "unknown key"),
    ],
)
def test_a_wrong_section_is_refused_with_the_mend(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError) as refused:
        office(**section)
    assert message.removeprefix("model: model: ") in str(refused.value)
