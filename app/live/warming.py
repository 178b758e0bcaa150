"""What was decided before the live view began, counted by PostgreSQL within a bound."""

from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.topics import ACCOUNT_LANE, CONTACT_LANE
from app.errors import Unavailable
from app.live.counts import HOUR_SECONDS, HOURS, Past
from app.live.position import LANE_OF, Position
from app.live.windows import Kind
from app.outbound.headers import EventType
from app.storage import live_reads

ROWS_MAX: Final = 200_000
"""Minutes × moves × tenants of a day."""
_TYPES: Final = {
    "changed": EventType.STAGE_CHANGED.value,
    "revoked": EventType.STAGE_REVOKED.value,
    "corrected": EventType.HISTORY_CORRECTED.value,
}

log = structlog.get_logger(__name__)


class Warming:
    def __init__(
        self, engine: AsyncEngine, clock: Callable[[], float], *, timeout_seconds: float
    ) -> None:
        """`clock`: seconds since 1970."""
        self._engine = engine
        self._clock = clock
        self._timeout_seconds = timeout_seconds

    async def past(self, position: Position) -> Past | None:
        """The day before now, up to what is applied now. `position`: what is published. None: it
        took too long, or PostgreSQL is away; then counting begins with nothing."""
        since = int(self._clock()) // HOUR_SECONDS * HOUR_SECONDS - (HOURS - 1) * HOUR_SECONDS
        try:
            found = await live_reads.moves_since(
                self._engine,
                CONTACT_LANE,
                since * 1_000_000,
                rows_max=ROWS_MAX,
                timeout_seconds=self._timeout_seconds,
            )
        except Unavailable as failed:
            log.warning("the live view begins without the past day's counts", reason=str(failed))
            return None
        if found is None:
            log.warning("the live view begins without the past day's counts: it is too much")
            return None
        applied, counted = found
        moves = [
            (
                each.tenant,
                Kind(_TYPES[each.kind], each.from_stage, each.to_stage),
                each.minute / 1_000_000,
                each.n,
            )
            for each in counted
        ]
        return Past(_upto(position, applied), float(since), moves)


def _upto(published: Position, applied: dict[int, int]) -> Position:
    """Accounts are not in it."""
    contacts = [
        max(seq, applied.get(partition, 0))
        for partition, seq in enumerate(published.lowest(CONTACT_LANE))
    ]
    by_lane = {CONTACT_LANE: contacts, ACCOUNT_LANE: published.lowest(ACCOUNT_LANE)}
    return Position.of_lanes({lane: by_lane[lane] for lane in LANE_OF})
