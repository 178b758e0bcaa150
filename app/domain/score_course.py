"""A contact's scores over time, each with its parts: one pass of the fold over its own evidence."""

from bisect import insort
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from app.domain.calendar import DAY
from app.domain.entry import Entry
from app.domain.firing import fire_until
from app.domain.fold import step
from app.domain.interaction import Microseconds
from app.domain.qualification import standing_of
from app.domain.scoring import engagement, engagement_parts, fit, fit_parts
from app.domain.state import State
from app.domain.timeline import Ruling

MOMENTS: Final = 120
"""Evenly over the time looked at: scores fade between interactions."""
STEPS_MAX: Final = 240
"""Interactions with moments of their own, the latest."""
SPAN_MIN: Final = DAY


class ScorePoint(msgspec.Struct, frozen=True):
    """Scores are integer thousandths."""

    at: Microseconds
    stage: str
    temperature: str
    fit: int
    engagement: int
    priority: int


class ScoreParts(msgspec.Struct, frozen=True):
    """What the last point is made of."""

    fit: dict[str, int]
    """Points by what is known."""
    engagement: dict[int, int]
    """Thousandths, by the half-life in seconds with which they fade."""


def score_course(
    entries: Iterable[Entry], until: Microseconds, ruling: Ruling
) -> tuple[list[ScorePoint], ScoreParts]:
    """Of all a contact's entries, in folding order; up to `until`, which is not before the last."""
    every = list(entries)
    moments = list(_moments(every, until))
    state = State()
    points: list[ScorePoint] = []
    for entry in every:
        while moments and moments[0] < entry.time:
            points.append(_point(state, moments.pop(0), ruling))
        _fire(state, entry.time, ruling)
        step(state, entry, ruling.at(entry.time))
    points += [_point(state, at, ruling) for at in moments]
    rules = ruling.at(until)
    parts = ScoreParts(
        fit_parts(state, standing_of(state, until), rules), engagement_parts(state, until)
    )
    return points, parts


def _moments(entries: list[Entry], until: Microseconds) -> Iterator[Microseconds]:
    """Even ones, and one on each side of an interaction: scores jump there."""
    if not entries:
        return iter(())
    first = min(entries[0].time, until - SPAN_MIN)
    span = until - first
    found = [first + span * n // (MOMENTS - 1) for n in range(MOMENTS)]
    known = set(found)
    for entry in entries[-STEPS_MAX:]:
        for at in (entry.time - 1, entry.time):
            if first <= at <= until and at not in known:
                known.add(at)
                insort(found, at)
    return iter(found)


def _point(state: State, at: Microseconds, ruling: Ruling) -> ScorePoint:
    _fire(state, at, ruling)
    engaged = engagement(state, at)
    fits = fit(state, standing_of(state, at), ruling.at(at))
    return ScorePoint(
        at, state.stage, state.temperature, fits, engaged, round((fits + engaged) / 2)
    )


def _fire(state: State, until: Microseconds, ruling: Ruling) -> None:
    for _ in fire_until(state, until, ruling):
        pass
