"""GET /v1/funnel/live: what happened per minute and per hour, as the live view counts it."""

from collections import Counter
from collections.abc import Sequence

import msgspec
from litestar import get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler

from app.api.describing import needs
from app.api.principal import Principal, Scope
from app.api.problems import RETRY_AFTER_SECONDS, Problem
from app.domain.timestamps import format_rfc3339
from app.live.counts import MOVED, MOVES, TAKEN_BACK, Counts, moved, summed, taken_back
from app.live.windows import Kind


class WindowCount(msgspec.Struct, frozen=True):
    at: str
    """When the window begins."""
    moved: int
    """Moves between stages, corrections among them."""
    taken_back: int
    """Moves that turned out not to have been."""


class TransitionCount(msgspec.Struct, frozen=True):
    from_stage: str
    to_stage: str
    moved: int
    taken_back: int


class Span(msgspec.Struct, frozen=True):
    transitions: list[TransitionCount]
    """The most frequent first."""
    entered: dict[str, int]
    """Moves into each stage."""


class LiveAnswer(msgspec.Struct, frozen=True):
    """By the time of the decision, in UTC."""

    at: str
    complete_since: str
    """A window that begins before may have counted too little."""
    minutes: list[WindowCount]
    """The last 60, the current one last."""
    hours: list[WindowCount]
    """The last 24, the current one last."""
    last_hour: Span
    """The sum of the minutes."""
    last_day: Span
    """The sum of the hours."""
    signals_last_hour: dict[str, int]
    """Events of other types."""
    signals_since: str
    """Before that none were counted."""


@get(
    "/funnel/live",
    summary="Moves per minute and hour, until now",
    **needs(Scope.CONTACTS_READ, "Live"),
)
async def funnel_live(principal: Given[Principal], counts: Given[Counts]) -> LiveAnswer:
    """Counted from what is published; after a start of the service PostgreSQL fills in the day
    before. Each process counts for itself."""
    if counts.complete_since is None or counts.heard_since is None:
        detail = "the live view is starting: try again in a few seconds"
        headers = {"retry-after": str(RETRY_AFTER_SECONDS)}
        raise Problem(503, "live-view-starting", detail, headers=headers)
    now = counts.now()
    minutes = counts.minutes.of(principal.tenant, now)
    hours = counts.hours.of(principal.tenant, now)
    hour = summed(minutes)
    return LiveAnswer(
        at=_moment(now),
        complete_since=_moment(counts.complete_since),
        minutes=_windows(minutes),
        hours=_windows(hours),
        last_hour=_span(hour),
        last_day=_span(summed(hours)),
        signals_last_hour={k.type: n for k, n in sorted(hour.items()) if k.type not in MOVES},
        signals_since=_moment(counts.heard_since),
    )


def _windows(windows: Sequence[tuple[int, Counter[Kind]]]) -> list[WindowCount]:
    return [
        WindowCount(_moment(start), moved(counts), taken_back(counts)) for start, counts in windows
    ]


def _span(counts: Counter[Kind]) -> Span:
    there: Counter[tuple[str, str]] = Counter()
    back: Counter[tuple[str, str]] = Counter()
    entered: Counter[str] = Counter()
    for kind, n in counts.items():
        if kind.type in MOVED:
            there[kind.from_stage, kind.to_stage] += n
            entered[kind.to_stage] += n
        elif kind.type == TAKEN_BACK:
            back[kind.from_stage, kind.to_stage] += n
    pairs = sorted({*there, *back}, key=lambda pair: (-there[pair], pair))
    transitions = [TransitionCount(*pair, there[pair], back[pair]) for pair in pairs]
    return Span(transitions, dict(entered.most_common()))


def _moment(seconds: float) -> str:
    return format_rfc3339(int(seconds) * 1_000_000)


LIVE_ROUTES: list[HTTPRouteHandler] = [funnel_live]
