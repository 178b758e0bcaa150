"""The contacts of one key range, rebuilt in memory from the batches of their partition."""

from collections.abc import Callable, Collection, Mapping

import asyncpg

from app.domain.erasure import ERASURE
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.rebuilding import Rebuilt
from app.domain.replay_difference import Difference
from app.domain.timeline import Ruling
from app.errors import RuleError
from app.handling.known_types import Known, KnownTypes
from app.handling.records import Decoder, Forwarded, SourceRecord
from app.handling.traces import is_blank
from app.runtime.deciding import Timelines
from app.runtime.replay.report import ReplayReport
from app.storage import catch_ups
from app.storage.evidence_scan import Place
from app.storage.replay_reads import Batch, Span, Wanted, batches
from app.storage.segments import unpack

MakeDecoder = Callable[[Mapping[str, Known]], Decoder]
"""Of the types that tenants have whose model was activated; it grows as batches are told."""


class Bucket:
    """`contacts` is as of batch `at`; it only ever goes forward, and so do the models."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        lane: str,
        partition: int,
        span: Span,
        keys: tuple[Place, Place | None],
        wanted: Wanted,
        make_decoder: MakeDecoder,
        timelines: Timelines,
        report: ReplayReport,
    ) -> None:
        """`keys`: after the one, up to the other (None: without an end)."""
        self._connection = connection
        self._lane = lane
        self._partition = partition
        self._after, self._end = keys
        self._wanted = wanted
        known = KnownTypes()
        self._rulings = timelines.rulings(partition, 0, known)
        self._decode = make_decoder(known.by_tenant)
        self._report = report
        self.at = span.first - 1
        self.contacts: dict[Place, Rebuilt] = {}

    async def catch_up(self, last: int) -> None:
        """With all batches up to `last`."""
        while self.at < last:
            found = await batches(self._connection, self._lane, self._partition, self.at, last)
            for batch in found:
                if batch.batch_seq != self.at + 1:
                    await self._missing(self.at + 1, batch.batch_seq - 1)
                self.at = batch.batch_seq
                self._fold(batch)
            if not found:
                await self._missing(self.at + 1, last)
                self.at = last

    def ruling(self, tenant: str, as_of: Microseconds) -> Ruling:
        """What decides about a tenant's contacts once the partition is decided up to `as_of`."""
        self._rulings.advance(as_of)
        return self._rulings.in_force.get(tenant, self._rulings.default)

    def without(self, seen: Collection[Place]) -> list[Place]:
        """Rebuilt contacts that are not among these."""
        return [
            place
            for place, rebuilt in self.contacts.items()
            if place not in seen and not rebuilt.is_empty
        ]

    def _fold(self, batch: Batch) -> None:
        self._rulings.advance(batch.as_of)
        touched: dict[Place, Rebuilt] = {}
        for ordinal, record in enumerate(unpack(batch.events, SourceRecord)):
            if is_blank(record):
                continue
            item = self._decode(record)
            if type(item) is Forwarded:
                continue  # the lane was resized: its contact is at home elsewhere now
            if type(item) is not Interaction:
                self._problem(batch, f"record {ordinal} is no interaction any more: {item}")
                continue
            place = (item.tenant, item.contact_id)
            if not self._is_mine(place):
                continue
            if item.type == ERASURE:
                self.contacts.pop(place, None)
                touched.pop(place, None)
                continue
            rebuilt = self.contacts.get(place)
            if rebuilt is None:
                rebuilt = self.contacts[place] = Rebuilt(*place)
            ruling = self.ruling(item.tenant, batch.as_of)
            try:
                rebuilt.tell(item, Address(batch.batch_seq, ordinal), ruling, batch.as_of)
            except RuleError as refused:
                rebuilt.contact.rollback()
                self._report.differs([Difference(*place, "rule", "applied", str(refused))])
            touched[place] = rebuilt
            self._report.interactions += 1
        for rebuilt in touched.values():
            rebuilt.store()

    def _is_mine(self, place: Place) -> bool:
        tenant, contact_id = self._wanted
        if tenant is not None and place[0] != tenant:
            return False
        if contact_id is not None and place[1] != contact_id:
            return False
        return place > self._after and (self._end is None or place <= self._end)

    async def _missing(self, first: int, last: int) -> None:
        """After a restore, numbers that were used before it are not used again."""
        skipped = await catch_ups.skipped(self._connection, self._lane, self._partition)
        if (first - 1, last) in skipped:
            return
        self._report.problem(
            f"partition {self._partition}: batches {first} to {last} are not in the segments"
        )

    def _problem(self, batch: Batch, text: str) -> None:
        self._report.problem(f"partition {self._partition}, batch {batch.batch_seq}: {text}")
