"""Days, dates and durations. UTC is the fast path; a zone's offset is looked up once an hour."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.domain.interaction import Microseconds
from app.domain.timestamps import parse_rfc3339

SECOND = 1_000_000
DAY = 86_400 * SECOND
_HOUR = 3_600 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"s": SECOND, "min": 60 * SECOND, "h": _HOUR, "d": DAY}
_DURATION = re.compile(r"(\d+) ?(s|min|h|d)", re.ASCII).fullmatch


def duration_of(text: str) -> Microseconds | None:
    """``180 d``, ``24 h``, ``30 min`` or ``2 s``; None if it is none of these."""
    match = _DURATION(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def day_of(time: Microseconds, zone: ZoneInfo) -> int:
    return (time + _offset(time // _HOUR, zone)) // DAY


@lru_cache(maxsize=65_536)
def _offset(hour: int, zone: ZoneInfo) -> Microseconds:
    """Of the zone from UTC in that hour since 1970."""
    offset = datetime.fromtimestamp(hour * 3_600, zone).utcoffset()
    return (offset or timedelta()) // timedelta(microseconds=1)


@lru_cache(maxsize=4_096)
def instant_of(text: str, zone: ZoneInfo | None) -> Microseconds | None:
    """A date's end in the zone (None: UTC), or a date-time's moment; None if it is neither, or of
    another age than ours: what is computed from it must be a date, too."""
    if not text.startswith(("19", "20", "21")):
        return None
    try:
        if len(text) == 10:
            following = date.fromisoformat(text) + timedelta(days=1)
            midnight = datetime(following.year, following.month, following.day, tzinfo=zone or UTC)
            return (midnight - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
    return parse_rfc3339(text)
