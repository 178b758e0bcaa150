"""Business hours: the time in which people are at work, in the model's time zone."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.calendar import DAY, SECOND, day_of
from app.domain.interaction import Microseconds
from app.domain.reading import Node

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOUR: Final = 3_600 * SECOND
HOURS_MAX: Final = 10_000
"""The longest term: more than four years of working days."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = _EPOCH.toordinal()
"""1970-01-01 as an ordinal: the first day of `day_of`."""
_LAST = date.max.toordinal()
_DEFAULT: Final = {"days": list(DAYS[:5]), "from": 9, "to": 17, "holidays": []}


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """From `opens` to `closes` on each of `days` that is no holiday. Some day must be worked."""

    zone: ZoneInfo | None = None
    """None: UTC."""
    opens: float = 9
    closes: float = 17
    """Hours of the local clock; 24 is the end of the day."""
    days: frozenset[int] = frozenset(range(5))
    """0 is Monday."""
    holidays: frozenset[int] = frozenset()
    """Ordinals, as `date.toordinal` has them."""

    def __post_init__(self) -> None:
        assert self.days <= set(range(7))
        assert self.days, "without a working day no term would ever end"
        assert self.opens >= 0
        assert self.closes - self.opens >= 1
        assert self.closes <= 24

    def after(self, start: Microseconds, hours: float) -> Microseconds:
        """The first moment by which `hours` of business time have passed since `start`."""
        assert 0 <= hours <= HOURS_MAX
        left, now = round(hours * HOUR), start
        if left == 0:
            return start
        first = self._ordinal(start)
        for ordinal in range(first, _LAST):
            if (ordinal - 1) % 7 not in self.days or ordinal in self.holidays:
                continue
            opens, closes = self._moment(ordinal, self.opens), self._moment(ordinal, self.closes)
            now = max(now, opens)
            if closes - now >= left:
                return now + left
            if closes > now:
                left, now = left - (closes - now), closes
        raise AssertionError("the calendar ends before the term does")

    def _ordinal(self, moment: Microseconds) -> int:
        day = moment // DAY if self.zone is None else day_of(moment, self.zone)
        return _FIRST + day

    def _moment(self, ordinal: int, hour: float) -> Microseconds:
        """When the local clock shows that hour."""
        if self.zone is None:
            return (ordinal - _FIRST) * DAY + round(hour * HOUR)
        return _local(ordinal, hour, self.zone)


@lru_cache(maxsize=4096)
def _local(ordinal: int, hour: float, zone: ZoneInfo) -> Microseconds:
    wall = datetime.combine(date.fromordinal(ordinal), time()) + timedelta(hours=hour)
    return (wall.replace(tzinfo=zone) - _EPOCH) // _MICROSECOND


def business_hours_of(node: Node, zone: ZoneInfo | None) -> BusinessHours:
    """The model's section `business_hours`; what it leaves out is Monday to Friday, 9 to 17.

    Its holidays are dates by now: app.models puts a country's in its name's place.
    Raises ModelError.
    """
    node.mapping(_DEFAULT)
    opens, closes = (_hour(node.child_or(name, _DEFAULT[name])) for name in ("from", "to"))
    if closes - opens < 1:
        raise node.error("`to` must be an hour or more after `from`", "write `from: 9`, `to: 17`")
    days = node.child_or("days", _DEFAULT["days"])
    worked = frozenset(DAYS.index(day.one_of(DAYS, "day")) for day in days.entries())
    if not worked:
        raise days.error("no day is a working day", f"name some of {', '.join(DAYS)}")
    holidays = node.child_or("holidays", []).entries()
    return BusinessHours(zone, opens, closes, worked, frozenset(map(_date, holidays)))


def _hour(node: Node) -> float:
    hour = node.number()
    if not 0 <= hour <= 24:
        raise node.error(f"{hour} is no hour of a day", "write 0 to 24")
    return hour


def _date(node: Node) -> int:
    """As an ordinal. YAML reads a plain date as a date, JSON as a text."""
    value = node.value
    if type(value) is date:
        return value.toordinal()
    try:
        return date.fromisoformat(value).toordinal()
    except (TypeError, ValueError):
        raise node.error(f"{value!r} is no date", "write it as 2026-12-24") from None
