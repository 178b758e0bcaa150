"""Up to which moment the timers of a partition may fire.

Now by the database's clock once all its topics were read to their end, else the broker time of the
last record decided: after a day of downtime the backlog is read before anybody is recycled. What
fires at a horizon moves `as_of` there, so it never goes back, whoever owns the partition.
"""

import time
from collections.abc import Callable
from typing import Protocol

from app.domain.interaction import Microseconds
from app.handling.partition import OwnedPartition


class Reading(Protocol):
    """What the consumer knows."""

    def seconds_since_end(self, partition: int) -> float | None: ...


class Horizon:
    def __init__(self, source: Reading, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._monotonic = monotonic
        self._ahead_seconds: float | None = None
        """Of the database's clock to the monotonic one."""

    def told(self, now: Microseconds) -> None:
        """What PostgreSQL's clock has just said; the time on the way makes it a little late."""
        self._ahead_seconds = now / 1e6 - self._monotonic()

    @property
    def now(self) -> Microseconds | None:
        """The database's clock; None: it was not asked yet."""
        if self._ahead_seconds is None:
            return None
        return int((self._monotonic() + self._ahead_seconds) * 1e6)

    def of(self, owned: OwnedPartition) -> Microseconds:
        """Records that were fetched and are not decided count as not read. What arrived after the
        last look at the end is not known yet, so the horizon is that long ago."""
        as_of, now = owned.decided.as_of, self.now
        if now is None or owned.in_hand:
            return as_of
        seconds = self._source.seconds_since_end(owned.partition)
        return as_of if seconds is None else max(as_of, now - int(seconds * 1e6))
