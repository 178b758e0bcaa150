"""Blanks what segments and dead letters hold of erased contacts: beside the stages, bit by bit.

Every lane partition has its own job for an erased contact, done by whoever owns it: all its
batches up to the last one numbered when the job was first seen. Any later batch asked whether the
contact is erased after that was written, and holds nothing of it. A batch is blanked once K has
passed it: until then its outputs may have to be published again.

Jobs that stand at the same batch move together, the most advanced first, so that however many
contacts are erased meanwhile, a segment is read at most twice for them.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Final

import asyncpg
import msgspec
import structlog

from app.failpoints import Failpoint, hit
from app.handling.holdings import Holdings
from app.handling.partition import OwnedPartition
from app.handling.traces import Trace, without
from app.storage import blanking
from app.storage.blanking import Job

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 0.02
REST: Final = 3
"""Times as long as a piece of work took: the lane's stages come first."""
SEGMENTS_AT_ONCE: Final = 8
DEAD_LETTERS_AT_ONCE: Final = 200

_headers_of: Final = msgspec.msgpack.Decoder(list[tuple[str, bytes | None]]).decode


class Eraser:
    def __init__(
        self,
        lane: str,
        owner: str,
        holdings: Holdings,
        connection: asyncpg.Connection,
        timeout_seconds: float,
    ) -> None:
        """`connection`: nobody else uses it. `owner`: the incarnation id."""
        self._lane = lane
        self._owner = owner
        self._holdings = holdings
        self._connection = connection
        self._timeout_seconds = timeout_seconds

    async def run(self) -> None:
        """For ever."""
        while True:
            started = time.monotonic()
            has_moved = await self.step()
            took_seconds = time.monotonic() - started
            await asyncio.sleep(
                max(PAUSE_SECONDS, REST * took_seconds) if has_moved else LOOK_SECONDS
            )

    async def step(self) -> bool:
        """A bounded piece of work in every active partition; False: there was none to do now."""
        active = {p: owned for p, owned in self._holdings.owned.items() if owned.is_active}
        if not active:
            return False
        hit(Failpoint.ERASE_BEFORE_LOOK)
        jobs = await blanking.read_jobs(self._connection, self._lane, list(active))
        jobs.sort(key=lambda job: job.partition)
        has_moved = False
        for partition, mine in groupby(jobs, key=lambda job: job.partition):
            has_moved |= await self._advance(active[partition], list(mine))
        return has_moved

    async def _advance(self, owned: OwnedPartition, jobs: Sequence[Job]) -> bool:
        if any(job.until_seq is None for job in jobs):
            hit(Failpoint.ERASE_BEFORE_UNTIL)
            await blanking.set_until(
                self._connection,
                self._lane,
                owned.partition,
                owned.decided.batch_seq,
                owner=self._owner,
                epoch=owned.epoch,
            )
            return True
        done = [job for job in jobs if job.next_seq > _end(job, owned)]
        if done:
            await self._finish(owned.partition, done)
            return True
        at = max(job.next_seq for job in jobs)
        together = [job for job in jobs if job.next_seq == at]
        until_seq = min(owned.published.batch_seq, max(_end(job, owned) for job in together))
        if until_seq < at:
            return False
        hit(Failpoint.ERASE_BEFORE_SEGMENTS)
        await blanking.blank_segments(
            self._connection,
            together,
            until_seq,
            partial(without, _traces(together)),
            limit=SEGMENTS_AT_ONCE,
            timeout_seconds=self._timeout_seconds,
        )
        return True

    async def _finish(self, partition: int, jobs: Sequence[Job]) -> None:
        """Dead letters of the partition last: those of all its batches are there by now."""
        traces = _traces(jobs)
        after = 0
        while True:
            hit(Failpoint.ERASE_BEFORE_DEAD_LETTERS)
            letters = await blanking.read_dead_letters(
                self._connection, self._lane, partition, after, DEAD_LETTERS_AT_ONCE
            )
            if not letters:
                break
            found = [
                each.id
                for each in letters
                if any(
                    trace.is_in_dead_letter(each.key, each.value, _headers_of(each.headers))
                    for trace in traces
                )
            ]
            if found:
                hit(Failpoint.ERASE_BEFORE_DEAD_LETTERS)
                await blanking.delete_dead_letters(self._connection, partition, found)
            after = letters[-1].id
            await asyncio.sleep(PAUSE_SECONDS)
        hit(Failpoint.ERASE_BEFORE_FINISH)
        await blanking.forget_commands(self._connection, jobs)
        hit(Failpoint.ERASE_BEFORE_FINISH)
        await blanking.finish(self._connection, jobs)
        log.info("erasure_finished", lane=self._lane, partition=partition, contacts=len(jobs))


def _end(job: Job, owned: OwnedPartition) -> int:
    """Batches that were numbered and never applied come again under fewer numbers, perhaps: what
    is decided anew needs no care."""
    assert job.until_seq is not None
    return min(job.until_seq, owned.decided.batch_seq)


def _traces(jobs: Sequence[Job]) -> list[Trace]:
    return [Trace(job.tenant, job.contact_id) for job in jobs]
