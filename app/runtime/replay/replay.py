"""Replay: rebuild every contact from the batches that were kept, and compare it with what is live.

Workers may go on meanwhile: contacts are read page by page, each page with the batch after which
it is so, and the rebuilt ones are brought exactly there. Nothing is sent again. In memory are the
contacts of one key range at a time.
"""

from collections.abc import Callable, Sequence
from typing import Final

import asyncpg

from app.domain.rebuilding import Rebuilt
from app.domain.replay_difference import Difference, Live, differences, is_older, listing
from app.runtime.deciding import Timelines
from app.runtime.replay.bucket import Bucket, MakeDecoder
from app.runtime.replay.report import ReplayReport
from app.storage.evidence_scan import START, Place
from app.storage.repair import Repair, repair
from app.storage.replay_reads import Snapshot, Span, Wanted, buckets, snapshot, span

BUCKET_BYTES: Final = 64 * 1024 * 1024
PAGE_CONTACTS: Final = 200

Progress = Callable[[int], None]
"""Contacts compared so far."""


async def replay(
    connection: asyncpg.Connection,
    lane: str,
    partitions: Sequence[int],
    make_decoder: MakeDecoder,
    timelines: Timelines,
    *,
    wanted: Wanted = Wanted(),  # noqa: B008 - immutable
    is_repairing: bool = False,
    bucket_bytes: int = BUCKET_BYTES,
    progress: Progress = lambda _done: None,
) -> ReplayReport:
    """One partition after another. Raises Unavailable, Halted."""
    report = ReplayReport()
    for partition in partitions:
        kept = await span(connection, lane, partition)
        ends = [] if wanted.contact_id else await buckets(connection, partition, bucket_bytes)
        after = START
        for end in [*ends[:-1], None]:
            keys = (after, end)
            rebuilding = Bucket(
                connection, lane, partition, kept, keys, wanted, make_decoder, timelines, report
            )
            await _Range(rebuilding, connection, lane, partition, kept, keys, wanted,
                         is_repairing, report, progress).compare()  # fmt: skip
            after = end or after
    return report


class _Range:
    """One bucket, page by page."""

    def __init__(
        self,
        bucket: Bucket,
        connection: asyncpg.Connection,
        lane: str,
        partition: int,
        kept: Span,
        keys: tuple[Place, Place | None],
        wanted: Wanted,
        is_repairing: bool,
        report: ReplayReport,
        progress: Progress,
    ) -> None:
        self._bucket = bucket
        self._connection = connection
        self._lane = lane
        self._partition = partition
        self._kept = kept
        self._after, self._end = keys
        self._wanted = wanted
        self._is_repairing = is_repairing
        self._report = report
        self._progress = progress
        self._seen: set[Place] = set()

    async def compare(self) -> None:
        await self._bucket.catch_up(self._kept.last)
        place: Place | None = self._after
        while place is not None:
            page = await self._page(place, self._wanted)
            place = page.after
        # Made since their place was passed, or not there at all.
        for tenant, contact_id in self._bucket.without(self._seen):
            page = await self._page(self._after, Wanted(tenant, contact_id))
            if not page.contacts and (tenant, contact_id) in self._bucket.contacts:
                await self._differs(page, (tenant, contact_id), None, [])

    async def _page(self, after: Place, wanted: Wanted) -> Snapshot:
        page = await snapshot(
            self._connection, self._lane, self._partition, after, self._end, wanted, PAGE_CONTACTS
        )
        await self._bucket.catch_up(page.batch_seq)
        for live in page.contacts:
            await self._weigh(page, live)
        self._progress(self._report.contacts)
        return page

    async def _weigh(self, page: Snapshot, live: Live) -> None:
        place = (live.evidence.tenant, live.evidence.contact_id)
        self._seen.add(place)
        self._report.contacts += 1
        if is_older(live, self._kept.first):
            self._report.too_old += 1
            return
        ruling = self._bucket.ruling(place[0], page.as_of)
        if live.evidence.book.generation != ruling.generation:
            self._report.behind += 1
            return
        rebuilt = self._bucket.contacts.get(place)
        found = (
            [Difference(*place, "contact", live.stage, "no interaction of it was kept")]
            if rebuilt is None or rebuilt.is_empty
            else differences(live, rebuilt, ruling)
        )
        if found:
            await self._differs(page, place, live, found)

    async def _differs(
        self, page: Snapshot, place: Place, live: Live | None, found: list[Difference]
    ) -> None:
        rebuilt = self._bucket.contacts.get(place)
        if live is None:
            assert rebuilt is not None
            stage = rebuilt.contact.stage
            found = [Difference(*place, "contact", "there is no row of it", f"stage {stage}")]
        self._report.differs(found)
        if not self._is_repairing:
            return
        if rebuilt is not None and await self._repair(page, place, live, rebuilt):
            self._report.repaired += 1
        else:
            self._report.unrepaired += 1

    async def _repair(
        self, page: Snapshot, place: Place, live: Live | None, rebuilt: Rebuilt
    ) -> bool:
        wanted = Repair(
            self._lane,
            self._partition,
            page.batch_seq,
            place,
            None if live is None else live.version,
            rebuilt.evidence(),
            rebuilt.contact.check_at,
            None if live is None else live.evidence.book.told,
            listing(rebuilt, self._bucket.ruling(place[0], page.as_of), page.as_of),
            page.as_of,
        )
        return await repair(self._connection, wanted)
