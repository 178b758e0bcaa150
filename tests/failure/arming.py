"""Which failpoints the next worker starts with: each in turn once, and some at random."""

import random
from collections import Counter
from pathlib import Path
from typing import Final

from app.failpoints import Failpoint

ACTIONS: Final = ("kill", "error", "sleep", "stop")
RARE: Final = (
    Failpoint.APPLY_BEFORE_DEAD_LETTERS,
    Failpoint.APPLY_BEFORE_ROLLBACK,
    Failpoint.APPLY_BEFORE_SEALED,
    Failpoint.APPLY_BEFORE_REVOCATIONS,
    Failpoint.APPLY_BEFORE_ACCOUNTS,
    Failpoint.APPLY_BEFORE_ERASURE,
    Failpoint.APPLY_BEFORE_MODELS,
    Failpoint.APPLY_BEFORE_RESULTS,
    Failpoint.APPLY_BEFORE_HALTS,
)
FAMILIES: Final = ("incarnation", "takeover", "halts", "load", "apply", "publish", "release")
REQUIRED: Final = ("takeover.", "apply.", "publish.")
BY_CHANCE: Final = {
    Failpoint.APPLY_BEFORE_ROLLBACK,
    Failpoint.APPLY_BEFORE_ERASURE,
    Failpoint.APPLY_BEFORE_MODELS,
    Failpoint.APPLY_BEFORE_HALTS,
}
"""Nobody is erased, no model activated and no partition halted in a chaos run (test_erasure,
test_activation and test_halts do).
A successor ends the sessions of whom it fences, so few fenced applies live to roll back; what a
failure there leaves is tested at the apply itself (tests/storage)."""
OFTEN: Final = ("publish", "apply", "load.before_contacts")
"""Hit at every batch: these may fire at a later hit, in the middle of work."""
UNFIRED_AT_ONCE: Final = 3
NEEDS: Final = {Failpoint.APPLY_BEFORE_ROLLBACK: Failpoint.APPLY_BEFORE_MERGE}
"""Reached only after an error at the other."""


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
        self._insisted: set[Failpoint] = set()
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
        environment["CHAOS_ONCE"] = ",".join(self._once(one) for one in self._next())
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
        """Failpoints of takeover, apply and publish that never fired: each must at least once."""
        names = {line.partition(" ")[0] for line in self.fired()}
        required = {
            str(point)
            for point, _ in self._wanted
            if point.startswith(REQUIRED) and point not in BY_CHANCE
        }
        return sorted(required - names)

    def insist(self, point: Failpoint) -> None:
        """Arm it at every start until it has fired: only now can it be reached."""
        self._insisted.add(point)

    def _next(self) -> list[tuple[Failpoint, str]]:
        """Some of those that never fired at all, and one action that was tried least."""
        fired = self.fired()
        names = {line.partition(" ")[0] for line in fired}
        tried: Counter[Failpoint] = Counter()
        for (point, _), count in self._handed_out.items():
            tried[point] += count
        waiting = [one for one in self._wanted if not fired[f"{one[0]} {one[1]}"]]
        unfired = [one for one in waiting if one[0] not in names]
        chosen: dict[Failpoint, str] = {}
        for one in [
            *(one for one in unfired if one[0] in self._insisted),
            *sorted(unfired, key=lambda one: tried[one[0]])[:UNFIRED_AT_ONCE],
            *sorted(waiting, key=lambda one: self._handed_out[one])[:1],
        ]:
            chosen.setdefault(*one)
        for point, action in list(chosen.items()):
            self._handed_out[point, action] += 1
            if point in NEEDS:
                chosen.setdefault(NEEDS[point], "error")
        return list(chosen.items())

    def _once(self, one: tuple[Failpoint, str]) -> str:
        point, action = one
        is_often = point.startswith(OFTEN) and point not in RARE
        fires_at = self._random.randint(1, 20) if is_often else 1
        if is_often and self._handed_out[one] > 1:
            fires_at = 1
        return f"{point}={action}:{fires_at}:{self._random.choice([0.3, 2.0])}"
