"""For operators: how far behind the lanes are, of the whole service."""

from typing import Any

import msgspec
from litestar import get
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler

from app.api.describing import needs
from app.api.lag import LagReading, PartitionLag
from app.api.principal import Scope

READS: dict[str, Any] = needs(Scope.OPS_READ, "Operations")


class Lag(msgspec.Struct, frozen=True):
    lag: int
    """Not yet published, of all partitions."""
    partitions: list[PartitionLag]


@get("/ops/lag", summary="What waits, per partition", **READS)
async def lag(lags: Given[LagReading]) -> Lag:
    rows = await lags.partitions()
    return Lag(sum(row.lag for row in rows), rows)


OPERATION_ROUTES: list[HTTPRouteHandler] = [lag]
