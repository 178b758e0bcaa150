"""What was decided becomes rows and records: stored forms, history, counters, outputs in order."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from app.domain.changes import Signal, View
from app.domain.contact import Contact
from app.domain.decide import view
from app.domain.erasure import ERASED, Erasure
from app.domain.interaction import Microseconds
from app.domain.listing import ENTERED_AT
from app.domain.routing import routing_key
from app.domain.state import NONE
from app.handling.batch import DecidedBatch, PartitionBatch
from app.handling.cache import ContactCache, Entry, Key
from app.handling.listing import list_contact
from app.handling.ports import Register
from app.handling.records import Encoder, OutputRecord, SourceRecord
from app.handling.tally import Tally
from app.handling.touched import Touched
from app.storage.rows import ContactRow, CounterDelta, ErasureRow, HistoryRow, SealedRow
from app.storage.segments import pack

TURN_RECORDS: Final = 100
"""Between two yields to the event loop: about five milliseconds."""


class Collector:
    def __init__(
        self, lane: str, encoder: Encoder, cache: ContactCache, register: Register, tally: Tally
    ) -> None:
        self._lane = lane.encode()
        self._encoder = encoder
        self._cache = cache
        self._register = register
        self._tally = tally

    def close(
        self,
        batch: DecidedBatch,
        part: PartitionBatch,
        accepted: Sequence[SourceRecord],
        other: Sequence[OutputRecord],
    ) -> None:
        """What is stored of it, and the header that every record of it carries."""
        part.records += other
        position = part.position
        header = (
            "funnel-batch",
            b"%s/%d/%d" % (self._lane, position.partition, position.batch_seq),
        )
        for output in part.records:
            output.headers.append(header)
        part.n = len(accepted)
        part.events = pack(accepted)
        part.outputs = pack(part.records)
        batch.parts.append(part)

    async def collect(
        self,
        batch: DecidedBatch,
        partition: int,
        touched: dict[Key, Touched],
        part: PartitionBatch,
    ) -> None:
        """Per contact: its stored form, history, counters, and records in their order."""
        counters: Counter[tuple[str, str]] = Counter()
        now = batch.decided_at
        earliest = batch.check_at
        for n, ((tenant, contact_id), mine) in enumerate(touched.items()):
            if n % TURN_RECORDS == 0:
                await asyncio.sleep(0)
            entry = mine.entry
            contact = entry.contact
            if mine.erasure is not None:
                await self._collect_erased(batch, mine, mine.erasure, part)
                _count(counters, tenant, entry)
                continue
            if contact.stage == ERASED:  # what came after that was dropped
                continue
            # before `take_change`, which drops what is decoded
            mine.tell_account(part.position.as_of)
            rules = mine.ruling.at(now)
            is_shown = mine.snapshot_due or mine.snapshot_asked
            shown = view(contact, rules, now) if is_shown else None
            since = entry.marks[ENTERED_AT] if entry.marks else None
            list_contact(batch, partition, mine, rules, shown)
            taken = contact.take_change()
            if taken is None:
                if shown is not None:  # it was asked for, of a contact that has not changed
                    part.records.append(self._snapshot(contact, shown, rules.ref, now, partition))
                continue
            change, chunks = taken
            entry.batch = batch.number
            batch.contacts.append(ContactRow(partition, change))
            check_at = change.check_at
            if check_at is not None and check_at < earliest:
                earliest = check_at
            if chunks:
                batch.sealed += [SealedRow(partition, chunk) for chunk in chunks]
            self._cache.resize(entry)
            for moved in mine.changes:
                batch.history.append(HistoryRow(partition, tenant, contact_id, now, moved, since))
                since = moved.effective_at
            self._publish(mine, now, part)
            if shown is not None:
                part.records.append(self._snapshot(contact, shown, rules.ref, now, partition))
            _count(counters, tenant, entry)
        batch.check_at = earliest
        batch.counters += [
            CounterDelta(partition, tenant, stage, delta)
            for (tenant, stage), delta in sorted(counters.items())
            if delta
        ]

    def _snapshot(
        self, contact: Contact, shown: View, ref: str, now: Microseconds, partition: int
    ) -> OutputRecord:
        return self._encoder.snapshot(
            contact.tenant,
            contact.contact_id,
            partition,
            now,
            contact.seq,
            contact.version,
            shown,
            ref,
        )

    async def _collect_erased(
        self,
        batch: DecidedBatch,
        mine: Touched,
        erasure: Erasure,
        part: PartitionBatch,
    ) -> None:
        """What was decided before it in this batch is told, and not stored any more."""
        now, contact = batch.decided_at, mine.entry.contact
        partition, key = part.position.partition, (contact.tenant, contact.contact_id)
        mine.entry.batch = batch.number
        self._cache.resize(mine.entry)
        digest = await self._register.digest(routing_key(*key))
        batch.erasures.append(ErasureRow(partition, *key, erasure.version, digest, now))
        self._publish(mine, now, part)
        part.records += self._encoder.erased(*key, partition, now, erasure.notice)

    def _publish(self, mine: Touched, now: Microseconds, part: PartitionBatch) -> None:
        """What was decided about a contact, in order."""
        encoder, contact = self._encoder, mine.entry.contact
        about = contact.tenant, contact.contact_id, part.position.partition, now
        for told in mine.said:
            if isinstance(told, Signal):
                part.records.append(encoder.signal(*about, told))
                if told.kind == "sla_breached":
                    self._tally.breaches[told.details["timer"]] += 1
                continue
            part.records += encoder.change(*about, told)
            if told.kind == "changed":
                self._tally.moved(told, mine.ruling.at(now), now)
        for command in mine.commands:
            part.records.append(encoder.command(contact.tenant, command))
        for word in mine.words:
            part.records.append(encoder.account_input(word))


def _count(counters: Counter[tuple[str, str]], tenant: str, entry: Entry) -> None:
    """A contact by the stage it is in; nowhere is no stage."""
    now = entry.contact.stage
    if now != entry.stage:
        if entry.stage != NONE:
            counters[tenant, entry.stage] -= 1
        if now != NONE:
            counters[tenant, now] += 1
        entry.stage = now
