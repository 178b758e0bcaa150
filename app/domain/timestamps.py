"""RFC 3339 to microseconds and back."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from app.domain.interaction import Microseconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000
_MICROSECOND = timedelta(microseconds=1)
_is_rfc3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
).fullmatch


def parse_rfc3339(text: str) -> Microseconds | None:
    """Cut, not rounded, to microseconds; None if it is no RFC 3339 date-time.

    A leap second (23:59:60 UTC) is the second that follows it, as POSIX time has it.
    """
    if _is_rfc3339(text) is None:
        return None
    if text[17:19] == "60":
        return _leap_second(text)
    try:
        return (datetime.fromisoformat(text.upper()) - _EPOCH) // _MICROSECOND
    except ValueError:
        return None


def _leap_second(text: str) -> Microseconds | None:
    before = parse_rfc3339(text[:17] + "59" + text[19:])
    if before is None or before // _SECOND % 86_400 != 86_399:
        return None
    return before + _SECOND


def format_rfc3339(moment: Microseconds) -> str:
    """In UTC with `Z`; no fraction, milliseconds or microseconds, the shortest that is exact."""
    seconds, fraction = divmod(moment, _SECOND)
    minutes, second = divmod(seconds, 60)
    day, minute = divmod(minutes, 1440)
    text = f"{_date(day)}T{_clock(minute)}:{second:02}"
    if not fraction:
        return text + "Z"
    if fraction % 1000:
        return f"{text}.{fraction:06}Z"
    return f"{text}.{fraction // 1000:03}Z"


@lru_cache(maxsize=1024)
def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()[:10]


@lru_cache(maxsize=1440)
def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
