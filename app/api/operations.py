"""For operators: what could not be processed, and how far behind the lanes are.

Of the whole service: a dead letter may be of no tenant, for it may say none that can be read.
"""

from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from app.api.cursor import After, Limit, Number, cursor_of, key_of
from app.api.database import Database
from app.api.describing import needs
from app.api.lag import LagReading, PartitionLag
from app.api.principal import Scope
from app.domain.reasons import Reason
from app.domain.timestamps import format_rfc3339
from app.storage import queries
from app.storage.rows import StoredDeadLetter

READS: dict[str, Any] = needs(Scope.OPS_READ, "Operations")
OnlyReason = Annotated[Reason | None, QueryParameter(description="Only with this reason.")]


class DeadLetter(msgspec.Struct, frozen=True):
    """Without key, value and headers: they may hold personal data. They are on the topic
    dlq.funnel.interactions.v1, under the same original coordinates."""

    id: int
    failed_at: str
    reason: str
    message: str
    lane: str
    topic: str
    partition: int
    offset: int


class DeadLetterPage(msgspec.Struct, frozen=True):
    items: list[DeadLetter]
    next: str | None


class Lag(msgspec.Struct, frozen=True):
    lag: int
    """Not yet published, of all partitions."""
    partitions: list[PartitionLag]


@get("/dead-letters", summary="What could not be processed, newest first", **READS)
async def dead_letters(
    database: Given[Database],
    reason: OnlyReason = None,
    limit: Limit = 50,
    after: After = None,
) -> DeadLetterPage:
    found = await queries.dead_letters(
        database.engine, limit=limit + 1, reason=reason, before=key_of(after, Number)
    )
    items = [_dead_letter(each) for each in found[:limit]]
    return DeadLetterPage(items, cursor_of(items[-1].id) if len(found) > limit else None)


@get("/ops/lag", summary="What waits, per partition", **READS)
async def lag(lags: Given[LagReading]) -> Lag:
    rows = await lags.partitions()
    return Lag(sum(row.lag for row in rows), rows)


def _dead_letter(letter: StoredDeadLetter) -> DeadLetter:
    row = letter.row
    return DeadLetter(
        letter.id,
        format_rfc3339(row.failed_at),
        row.reason,
        row.message,
        letter.lane,
        row.topic,
        row.source_partition,
        row.source_offset,
    )


OPERATION_ROUTES: list[HTTPRouteHandler] = [dead_letters, lag]
