"""When an interaction was true (funnel rule 2)."""

from datetime import UTC, datetime
from typing import Final

from app.domain.interaction import Microseconds
from app.domain.reasons import Reason
from app.domain.timestamps import parse_rfc3339
from app.errors import Poison

EARLIEST: Final[Microseconds] = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
LATEST: Final[Microseconds] = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


def effective_time(
    stated: str | None, arrived_at: Microseconds, tolerance: Microseconds
) -> Microseconds:
    """Absent: the broker's. Ahead of the broker by at most `tolerance`: clamped to the broker's."""
    if stated is None:
        moment = arrived_at
    else:
        parsed = parse_rfc3339(stated)
        if parsed is None:
            raise Poison(Reason.SCHEMA_VIOLATION, "/time: must be an RFC 3339 date-time")
        if parsed > arrived_at + tolerance:
            raise _out_of_range("too far ahead of the broker's time")
        moment = parsed if parsed < arrived_at else arrived_at
    if moment < EARLIEST:
        raise _out_of_range("before the year 2000")
    if moment > LATEST:
        raise _out_of_range("after the year 9998")
    return moment


def _out_of_range(what: str) -> Poison:
    return Poison(Reason.TIME_OUT_OF_RANGE, f"/time: {what}")
