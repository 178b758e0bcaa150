"""Conversion, drop-off and velocity, from moves that were counted.

Of flows in a period, not of cohorts: who moved on in it may have come before it.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from app.domain.state import CUSTOMER, LEAD, NONE, OPPORTUNITY, PROSPECT

WAY: Final = (LEAD, PROSPECT, OPPORTUNITY, CUSTOMER)
"""The way through the funnel; every other stage is a detour."""
DAY_SECONDS: Final = 86_400

Counted = Mapping[tuple[str, str], tuple[int, int]]
"""(from, to) -> moves, and the seconds that those who moved had been in `from`."""


class StageFigures(NamedTuple):
    """Of one stage, in a period."""

    stage: str
    entered: int
    moved_on: int
    """Further on the way; from a detour: back to it."""
    dropped: int
    """To a detour."""
    conversion: float | None
    drop_off: float | None
    mean_days: float | None
    """In the stage, of those who moved on."""


def figures(stages: Iterable[str], counted: Counted) -> list[StageFigures]:
    """In the order of `stages`."""
    return [_of(stage, counted) for stage in stages]


def mean_days(n: int, seconds: int) -> float | None:
    return round(seconds / n / DAY_SECONDS, 3) if n > 0 else None


def leads_on(from_stage: str, to_stage: str) -> bool:
    """Further on the way; from a detour: back to it."""
    if to_stage not in WAY:
        return False
    return from_stage not in WAY or WAY.index(to_stage) > WAY.index(from_stage)


def drops(to_stage: str) -> bool:
    return to_stage not in WAY


def _of(stage: str, counted: Counted) -> StageFigures:
    entered = moved_on = dropped = seconds = 0
    for (from_stage, to_stage), (n, stayed) in counted.items():
        if to_stage == stage:
            entered += n
        elif from_stage == stage:
            if drops(to_stage):
                dropped += n
            elif leads_on(stage, to_stage):
                moved_on += n
                seconds += stayed
    return StageFigures(
        stage,
        entered,
        moved_on,
        dropped,
        _share(moved_on, entered),
        _share(dropped, entered),
        mean_days(moved_on, seconds),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole > 0 else None


def is_move(from_stage: str, to_stage: str) -> bool:
    """Into a stage, or between two."""
    return to_stage not in (NONE, from_stage)
