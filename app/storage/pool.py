"""How full a pool of connections is, asked when the metrics are read."""

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import QueuePool

from app.storage.engine import POOL_MAX
from app.telemetry.metrics import Metrics


def show_pool(engine: AsyncEngine, metrics: Metrics) -> None:
    pool = engine.pool
    assert isinstance(pool, QueuePool), "an engine of ours"
    metrics.database_pool_max.set(POOL_MAX)
    metrics.database_pool_used.set_function(pool.checkedout)
