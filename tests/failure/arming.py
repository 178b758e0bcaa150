"""Which failpoints the next worker starts with: each in turn once, and some at random."""

import random
from collections import Counter
from pathlib import Path
from typing import Final

from app.failpoints import Failpoint

ACTIONS: Final = ("kill", "error", "sleep", "stop")
FAMILIES: Final = ("incarnation", "takeover", "load", "apply", "publish", "release")
OFTEN: Final = ("publish", "apply", "load.before_contacts")
"""Hit at every batch: these may fire at a later hit, in the middle of work."""


class Arming:
    """Hands out failpoints until each has fired with every action; `fixed`: always the same."""

    def __init__(self, rng: random.Random, hits: Path, fixed: str | None = None) -> None:
        self._random = rng
        self._hits = hits
        self._fixed = fixed
        self._wanted = [
            (point, action)
            for action in ACTIONS
            for point in Failpoint
            if point.partition(".")[0] in FAMILIES
        ]
        rng.shuffle(self._wanted)
        self._handed_out: Counter[tuple[Failpoint, str]] = Counter()
        self.is_over = False

    def environment(self) -> dict[str, str]:
        """For one start of a worker."""
        rng = self._random
        environment = {"CHAOS_HITS": str(self._hits), "CHAOS_ONCE": "", "FUNNEL_FAILPOINTS": ""}
        if self.is_over:
            return environment
        if self._fixed is not None:
            return environment | {"FUNNEL_FAILPOINTS": self._fixed}
        environment["CHAOS_ONCE"] = ",".join(self._once(one) for one in self._next(2))
        environment["FUNNEL_FAILPOINTS"] = ",".join(
            f"{point}={rng.choice(ACTIONS[:3])}:{rng.choice([0.0005, 0.002])}:0.3"
            for point in rng.sample(list(Failpoint), 4)
        )
        return environment

    def fired(self) -> Counter[str]:
        """How often each failpoint fired, as ``name action``."""
        if not self._hits.exists():
            return Counter()
        lines = self._hits.read_text().splitlines()
        return Counter(line.rpartition(" ")[0] for line in lines)

    def unfired(self) -> list[str]:
        """Failpoints of the families that never fired at all."""
        names = {line.partition(" ")[0] for line in self.fired()}
        return sorted({str(point) for point, _ in self._wanted} - names)

    def _next(self, count: int) -> list[tuple[Failpoint, str]]:
        """Those that never fired come first, then those tried least."""
        fired = self.fired()
        names = {line.partition(" ")[0] for line in fired}
        waiting = [one for one in self._wanted if not fired[f"{one[0]} {one[1]}"]]
        waiting.sort(key=lambda one: (self._handed_out[one], one[0] in names))
        chosen: list[tuple[Failpoint, str]] = []
        for one in waiting:
            if len(chosen) < count and one[0] not in [point for point, _ in chosen]:
                chosen.append(one)
        for one in chosen:
            self._handed_out[one] += 1
        return chosen

    def _once(self, one: tuple[Failpoint, str]) -> str:
        point, action = one
        fires_at = self._random.randint(1, 60) if point.startswith(OFTEN) else 1
        if point.startswith(OFTEN) and self._handed_out[one] > 1:
            fires_at = 1
        return f"{point}={action}:{fires_at}:{self._random.choice([0.3, 2.0])}"
