"""After a restore, at K: what was decided again beside what was told, contact by contact.

They are the same but where records of two topics met in another order than the first time. There
the history is written as it was told, and numbers go on from it.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import Final

import asyncpg
import structlog
from msgspec.structs import replace

from app.domain.interaction import Microseconds
from app.failpoints import Failpoint, hit
from app.handling.partition import OwnedPartition
from app.handling.ports import Coordinator, Told
from app.storage import audit_reads, retelling
from app.storage.catch_ups import CatchUp
from app.storage.rows import HistoryRow

log = structlog.get_logger(__name__)

LOOK_UPS_AT_ONCE: Final = 500
TIMER: Final = "timer:"

Key = tuple[str, str]


class Reconciling:
    """Of one partition, once. In memory: two numbers of each contact that was told anything, and
    what was told of those that differ."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        coordinator: Coordinator,
        lane: str,
        owned: OwnedPartition,
        goal: CatchUp,
        unsure_since: Microseconds,
    ) -> None:
        """`unsure_since`: timers decided since then are decided again at K."""
        self._connection = connection
        self._coordinator = coordinator
        self._lane = lane
        self._owned = owned
        self._goal = goal
        self._unsure_since = unsure_since
        self._told: dict[Key, tuple[int, int]] = {}
        self._differing: set[Key] = set()
        self._page: list[Told] = []
        self._unsure: defaultdict[Key, list[Told]] = defaultdict(list)

    async def run(self) -> int:
        """How many contacts were told otherwise."""
        goal, partition = self._goal, self._owned.partition
        told = self._coordinator.changes(self._lane, partition, goal.since_seq, goal.until_seq)
        async for each in told:
            if each.change is not None:
                await self._compare(each)
        await self._look_up()
        hit(Failpoint.CATCH_UP_BEFORE_LOOK)
        decided = await retelling.decided_since(self._connection, partition, goal.begun_at)
        self._differing |= {
            key
            for key in self._told.keys() | decided.keys()
            if self._told.get(key) != decided.get(key)
        }
        if self._differing:
            log.warning("told_otherwise", partition=partition, contacts=len(self._differing))
            await self._retell(self._differing)
        return len(self._differing)

    async def _compare(self, told: Told) -> None:
        key = (told.tenant, told.contact_id)
        assert told.change is not None
        is_timer = told.change.cause.event_id.startswith(TIMER)
        if is_timer and told.decided_at >= self._unsure_since:
            self._unsure[key].append(told)
            return
        for each in (*self._unsure.pop(key, ()), told):
            first, _ = self._told.get(key, (each.seq, 0))
            self._told[key] = (first, each.seq)
            self._page.append(each)
        if len(self._page) >= LOOK_UPS_AT_ONCE:
            await self._look_up()

    async def _look_up(self) -> None:
        page, self._page = self._page, []
        keys = [(self._owned.partition, each.tenant, each.contact_id, each.seq) for each in page]
        hit(Failpoint.CATCH_UP_BEFORE_LOOK)
        rows = await audit_reads.histories(self._connection, keys)
        for each, row in zip(page, rows, strict=True):
            change = each.change
            assert change is not None
            if row is None or (row.kind, row.transition_id) != (change.kind, change.transition_id):
                self._differing.add((each.tenant, each.contact_id))

    async def _retell(self, keys: Collection[Key]) -> None:
        goal, partition = self._goal, self._owned.partition
        changes: dict[Key, dict[int, HistoryRow]] = {key: {} for key in keys}
        heard: dict[tuple[Key, int], Told] = {}
        async for each in self._coordinator.changes(
            self._lane, partition, goal.since_seq, goal.until_seq
        ):
            key = (each.tenant, each.contact_id)
            if key not in changes or each.seq > self._told.get(key, (0, 0))[1]:
                continue
            if each.change is None:
                heard[key, each.seq] = each
            else:
                changes[key][each.seq] = HistoryRow(partition, *key, each.decided_at, each.change)
        for key, rows in changes.items():
            hit(Failpoint.CATCH_UP_BEFORE_REACHED)
            await retelling.retell(
                self._connection,
                self._lane,
                partition,
                self._owned.epoch,
                key,
                goal.begun_at,
                [_with(row, heard.get((key, seq))) for seq, row in sorted(rows.items())],
            )


def _with(row: HistoryRow, heard: Told | None) -> HistoryRow:
    """What sales was told goes with the change."""
    if heard is None:
        return row
    change = replace(row.change, opportunity=heard.opportunity, outcome=heard.outcome)
    return replace(row, change=change)
