"""Many observations of a histogram at once: one call a batch instead of 1.5 µs a value."""

from bisect import bisect_left
from collections.abc import Iterable

from prometheus_client import Histogram


def observe_all(histogram: Histogram, values: Iterable[float]) -> None:
    """As `observe` for each value. Uses the library's buckets, which it does not publish: a test
    compares the two."""
    bounds = histogram._upper_bounds
    counts = [0] * len(bounds)
    total = 0.0
    for value in values:
        counts[bisect_left(bounds, value)] += 1
        total += value
    histogram._sum.inc(total)
    for bucket, n in zip(histogram._buckets, counts, strict=True):
        if n:
            bucket.inc(n)
