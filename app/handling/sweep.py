"""Brings the contacts of a tenant up to date with a model that was activated, batch by batch.

Once an activation is in force, whatever is decided about a contact brings it up to date first; the
sweep is for those of whom nothing is heard. It goes through their keys in order and hands them to
the pipeline as if a timer were due. How far it is stands in the same transaction as its batch, so
it goes on there after a crash, whoever owns the partition then.

Its first batch has no contacts: once that is applied, so is every batch that was decided before the
activation was in force, and the table shows all contacts it made.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
import structlog

from app.failpoints import Failpoint, hit
from app.handling.batch import Due, PartitionDue
from app.handling.holdings import Holdings
from app.handling.horizon import Horizon
from app.handling.partition import OwnedPartition
from app.storage.models import ActivationRow, SweepRow, contacts_after
from app.storage.rows import CheckRow

log = structlog.get_logger(__name__)

SWEEP_MAX_CONTACTS: Final = 100
"""In a batch, of all partitions: a contact's whole history may be folded again."""


class Sweep:
    def __init__(
        self,
        holdings: Holdings,
        horizon: Horizon,
        connection: asyncpg.Connection,
        fire: Callable[[Due], Awaitable[list[CheckRow]]],
    ) -> None:
        """`fire` decides and applies them. `connection`: only whoever calls `step` uses it."""
        self._holdings = holdings
        self._horizon = horizon
        self._connection = connection
        self._fire = fire

    async def step(self) -> bool:
        """One bounded batch of every active partition; False: nothing is to be done now."""
        begun = [
            (owned, horizon, row)
            for owned in self._holdings.owned.values()
            if owned.is_active and owned.rulings is not None
            for horizon in [self._horizon.of(owned)]
            for row in owned.rulings.unswept(horizon)
        ]
        of_partition = {owned.partition: (owned, horizon, row) for owned, horizon, row in begun}
        if not of_partition:
            return False
        share = max(1, SWEEP_MAX_CONTACTS // len(of_partition))
        await self._fire(
            [
                await self._next(owned, horizon, row, share)
                for owned, horizon, row in of_partition.values()
            ]
        )
        return True

    async def _next(
        self, owned: OwnedPartition, horizon: int, row: ActivationRow, limit: int
    ) -> PartitionDue:
        keys: list[str] = []
        cursor, swept_at = "", None
        if row.cursor is not None:
            hit(Failpoint.SWEEP_BEFORE_CONTACTS)
            keys = await contacts_after(
                self._connection, row.partition, row.tenant, row.cursor, limit
            )
            if len(keys) == limit:
                cursor = keys[-1]
            else:
                swept_at = max(horizon, row.active_from)
                log.info(
                    "model_swept", partition=row.partition, tenant=row.tenant,
                    generation=row.generation, contacts=row.swept + len(keys),
                )  # fmt: skip
        move = SweepRow(
            row.partition, row.tenant, row.generation, cursor, row.swept + len(keys), swept_at
        )
        contacts = [CheckRow(row.partition, row.tenant, key, 0) for key in keys]
        return PartitionDue(owned, horizon, contacts, move)
