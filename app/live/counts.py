"""Rolling counts of what happened, by tenant: per minute for an hour, per hour for a day."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from app.live.position import Position
from app.live.rounds import Round
from app.live.windows import Kind, Windows
from app.outbound.headers import EventType

MINUTE_SECONDS: Final = 60
MINUTES: Final = 60
HOUR_SECONDS: Final = 3600
HOURS: Final = 24

MOVED: Final = frozenset({EventType.STAGE_CHANGED.value, EventType.HISTORY_CORRECTED.value})
TAKEN_BACK: Final = EventType.STAGE_REVOKED.value
MOVES: Final = MOVED | {TAKEN_BACK}


class Past(msgspec.Struct, frozen=True):
    """What PostgreSQL counted for a start: everything up to a batch of each partition."""

    upto: Position
    since_seconds: float
    counted: list[tuple[str, Kind, float, int]]
    """Tenant, what, when (seconds), how often."""


class Counts:
    def __init__(self, clock: Callable[[], float], *, tenants_max: int) -> None:
        """`clock`: seconds since 1970."""
        self.minutes = Windows(MINUTE_SECONDS, MINUTES, tenants_max)
        self.hours = Windows(HOUR_SECONDS, HOURS, tenants_max)
        self.complete_since: float | None = None
        """Of moves; None: nothing is counted yet."""
        self.heard_since: float | None = None
        """Of what PostgreSQL does not count: since when it was heard."""
        self._clock = clock
        self._position: Position | None = None

    def now(self) -> float:
        return self._clock()

    def begin(self, position: Position, past: Past | None) -> None:
        """Forget all, and count what comes after `past`; after `position` where there is none."""
        now = self._clock()
        self.minutes.clear()
        self.hours.clear()
        self._position = (position if past is None else past.upto).copy()
        self.complete_since = now if past is None else past.since_seconds
        self.heard_since = now
        for tenant, kind, at, n in () if past is None else past.counted:
            self._add(tenant, kind, at, now, n)

    def add(self, batches: Round) -> None:
        """Each batch once, however often it is heard."""
        position = self._position
        assert position is not None, "it was begun"
        now = self._clock()
        for batch in batches:
            if not position.advance(batch.topic, batch.partition, batch.batch_seq):
                continue
            for event in batch.events:
                is_move = event.type in MOVES
                kind = (
                    Kind(event.type, event.from_stage or "", event.to_stage or "")
                    if is_move
                    else Kind(event.type)
                )
                self._add(event.tenant, kind, event.decided_at / 1_000_000, now, 1)

    def _add(self, tenant: str, kind: Kind, at: float, now: float, n: int) -> None:
        self.minutes.add(tenant, kind, at, now, n)
        self.hours.add(tenant, kind, at, now, n)


def summed(windows: Iterable[tuple[int, Counter[Kind]]]) -> Counter[Kind]:
    total: Counter[Kind] = Counter()
    for _, counts in windows:
        total.update(counts)
    return total


def moved(counts: Counter[Kind]) -> int:
    return sum(n for kind, n in counts.items() if kind.type in MOVED)


def taken_back(counts: Counter[Kind]) -> int:
    return sum(n for kind, n in counts.items() if kind.type == TAKEN_BACK)
