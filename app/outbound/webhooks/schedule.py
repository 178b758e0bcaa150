"""When a delivery that failed is tried again."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class Schedule:
    def __init__(
        self,
        retry_seconds: Sequence[float],
        jitter: float,
        retry_after_max_seconds: float,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """`jitter`: so much of a delay comes on top at most, that not all come back at once."""
        self._retry_seconds = retry_seconds
        self._jitter = jitter
        self._retry_after_max_seconds = retry_after_max_seconds
        self._uniform = uniform

    def after(self, attempts: int) -> float | None:
        """Seconds after the attempt of that number, from 1; None: that was the last."""
        if attempts > len(self._retry_seconds):
            return None
        delay = self._retry_seconds[attempts - 1]
        return delay * (1 + self._uniform(0.0, self._jitter))

    def told(self, retry_after: str | None, now_seconds: float) -> float | None:
        """What a receiver's Retry-After says, in seconds from now, bounded; None: nothing."""
        seconds = _seconds(retry_after, now_seconds)
        return None if seconds is None else min(max(seconds, 0.0), self._retry_after_max_seconds)


def _seconds(text: str | None, now_seconds: float) -> float | None:
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.fromtimestamp(now_seconds, UTC)).total_seconds()
