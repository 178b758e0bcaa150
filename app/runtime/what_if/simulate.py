"""Simulate: what a candidate model would have made of the real history, on several processes.

Every process reads and folds its share, a few thousand contacts at a time; here is only added up.
Nothing is written, nobody is told.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, Final

from app.domain.what_if_report import Report
from app.domain.what_if_result import report_of
from app.domain.what_if_tally import Tally
from app.errors import FunnelError
from app.models.stored import rules_of_stored
from app.runtime.what_if.worker import PART_CONTACTS, Task, Weighed, begin, weigh
from app.settings import Database
from app.storage.connect import connect
from app.storage.deciding import Deciding, read_deciding
from app.storage.evidence_scan import START, Extent, extent

PROCESSES: Final = 2

Progress = Callable[[int, int], None]
"""(contacts read so far, about so many in all)"""

Definition = dict[str, Any]


async def simulate(
    database: Database,
    lane: str,
    default: Definition,
    candidate: Definition,
    *,
    tenant: str | None = None,
    limit_contacts: int | None = None,
    processes: int = PROCESSES,
    progress: Progress = lambda _done, _all: None,
) -> Report:
    """Each tenant's models in force against another one; up to now, by PostgreSQL's clock.

    Complete definitions; `default`: of the model that decides where none was activated.

    `limit_contacts`: of all partitions alike. Raises ModelError, Unavailable, FunnelError.
    """
    checked = rules_of_stored(default), rules_of_stored(candidate)
    there, deciding = await _look(database, lane, tenant)
    known = [checked[0], *(rules_of_stored(each) for each in deciding.definitions.values())]
    task = Task(database, default, candidate, deciding, there.now, tenant)
    pool = ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=begin, initargs=(task,)
    )
    try:
        tally = await _Parts(pool, there, limit_contacts, progress).weigh()
    except BrokenProcessPool:
        raise FunnelError(
            "a process of the simulation ended by itself: it was killed, or it could not reach"
            " PostgreSQL; run it again"
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return report_of(tally, known, checked[1], there.now)


async def _look(database: Database, lane: str, tenant: str | None) -> tuple[Extent, Deciding]:
    connection = await connect(database, application_name="funnel-simulate")
    try:
        deciding = await read_deciding(connection, lane, tenant)
        return await extent(connection, lane, tenant), deciding
    finally:
        await connection.close()


class _Parts:
    """Each partition from its start to its end, one part after another; all side by side."""

    def __init__(
        self, pool: ProcessPoolExecutor, there: Extent, limit: int | None, progress: Progress
    ) -> None:
        self._pool = pool
        self._there = there
        self._limit = limit
        self._progress = progress
        self._read = 0
        self._tally = Tally()

    async def weigh(self) -> Tally:
        partitions = self._there.partitions
        running = [
            asyncio.ensure_future(self._partition(partition, self._share(n, len(partitions))))
            for n, partition in enumerate(partitions)
        ]
        try:
            await asyncio.gather(*running)
        finally:
            for each in running:
                each.cancel()
        return self._tally

    def _share(self, n: int, of: int) -> int | None:
        """Of the limit, so that all shares make it up."""
        return None if self._limit is None else self._limit // of + (n < self._limit % of)

    async def _partition(self, partition: int, limit: int | None) -> None:
        loop = asyncio.get_running_loop()
        place = START
        while limit is None or limit > 0:
            size = PART_CONTACTS if limit is None else min(PART_CONTACTS, limit)
            part: Weighed = await loop.run_in_executor(self._pool, weigh, partition, place, size)
            self._tally.add(part.tally)
            self._read += part.read
            self._progress(self._read, max(self._read, self._there.contacts))
            if part.after is None:
                return
            place = part.after
            limit = None if limit is None else limit - part.read
