"""Counts of one size of window, by tenant: a bounded dict of windows for each.

The windows' bounds are Faust's; a Faust Table would make a changelog topic of its own per process.
"""

from collections import Counter, OrderedDict
from typing import Final, NamedTuple

from faust.windows import TumblingWindow

OTHER: Final = "(other)"
KINDS_MAX: Final = 1000
"""Of one window: beyond, what comes is counted as other. A model has a few dozen moves."""


class Kind(NamedTuple):
    """What is counted: a move between stages, or an event of a type."""

    type: str
    from_stage: str = ""
    to_stage: str = ""


class Windows:
    """The last `keep` windows of `size_seconds`, of each of the `tenants_max` last heard of."""

    def __init__(self, size_seconds: int, keep: int, tenants_max: int) -> None:
        self.size_seconds = size_seconds
        self.keep = keep
        self._tumbling = TumblingWindow(size_seconds)
        self._tenants_max = tenants_max
        self._tenants: OrderedDict[str, dict[int, Counter[Kind]]] = OrderedDict()

    def start_of(self, at_seconds: float) -> int:
        ((start, _),) = self._tumbling.ranges(at_seconds)
        return int(start)

    def add(self, tenant: str, kind: Kind, at_seconds: float, now: float, n: int = 1) -> None:
        """What is older than the windows kept is left out; what is ahead of `now` counts as now."""
        start = self.start_of(min(at_seconds, now))
        if start < self._oldest(now):
            return
        windows = self._windows_of(tenant, now)
        counts = windows.setdefault(start, Counter())
        counts[kind if kind in counts or len(counts) < KINDS_MAX else Kind(OTHER)] += n

    def of(self, tenant: str, now: float) -> list[tuple[int, Counter[Kind]]]:
        """Oldest first, the last one is that of `now`; windows without counts are there, too."""
        found = self._tenants.get(tenant, {})
        last = self.start_of(now)
        starts = range(self._oldest(now), last + 1, self.size_seconds)
        return [(start, found.get(start, Counter())) for start in starts]

    def clear(self) -> None:
        self._tenants.clear()

    def _oldest(self, now: float) -> int:
        return self.start_of(now) - (self.keep - 1) * self.size_seconds

    def _windows_of(self, tenant: str, now: float) -> dict[int, Counter[Kind]]:
        windows = self._tenants.setdefault(tenant, {})
        self._tenants.move_to_end(tenant)
        if len(self._tenants) > self._tenants_max:
            self._tenants.popitem(last=False)
        if len(windows) > self.keep:
            oldest = self._oldest(now)
            for start in [start for start in windows if start < oldest]:
                del windows[start]
        return windows
