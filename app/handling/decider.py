"""Records -> decisions: decode, bring the contacts, fold, and collect what is to be written.

Everything but the loads is plain computation. It yields to the event loop every few milliseconds,
so that the apply and the publishing of earlier batches go on: theirs are a dozen round trips, and
each waits for its turn with a transaction open.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from enum import Enum
from typing import Final, Protocol

import structlog

from app.domain.account import AccountInput
from app.domain.account_telling import tell_account
from app.domain.changes import Cause, Change, Command, Signal
from app.domain.contact import Contact
from app.domain.decide import Decision, decide, decide_due, needs_all, view
from app.domain.erasure import ERASED, ERASURE, Erasure, erase, refusal
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.model import Rules
from app.domain.routing import routing_key
from app.domain.state import NONE
from app.domain.timeline import Ruling
from app.errors import Halted, Poison, RuleError
from app.handling.batch import (
    DecidedBatch,
    Due,
    Fetched,
    PartitionBatch,
    PartitionDue,
    SourceKey,
    begin,
    begin_due,
)
from app.handling.cache import ContactCache, Entry, Key
from app.handling.dead_letters import dead_letter_row
from app.handling.partition import OwnedPartition
from app.handling.parts import Parts
from app.handling.records import (
    Activation,
    Decoded,
    Decoder,
    Encoder,
    Forwarded,
    OutputRecord,
    SourceRecord,
)
from app.handling.rulings import Rulings
from app.handling.traces import name_of
from app.storage.rows import (
    ContactRow,
    CounterDelta,
    ErasureRow,
    HistoryRow,
    SealedRow,
    StoredContact,
)
from app.storage.segments import pack

log = structlog.get_logger(__name__)

TURN_RECORDS: Final = 100
"""Between two yields: about five milliseconds."""

SOURCE_LABELS_MAX: Final = 100


class Register(Protocol):
    """Who was erased, by routing keys. Both raise Unavailable."""

    async def digest(self, key: str) -> bytes:
        """What is kept of an erased contact."""
        ...

    async def erased_among(self, keys: Collection[str]) -> set[str]:
        """As the last apply left it."""
        ...


Load = Callable[[Sequence[tuple[int, str, str]]], Awaitable[list[StoredContact]]]
LoadSealed = Callable[[int, str, str], Awaitable[list[bytes]]]
FindModel = Callable[[str], Awaitable[Rules | None]]
"""By content hash; None: it is not stored."""


async def no_model(content_hash: str) -> Rules | None:  # noqa: ARG001
    """Where none was ever stored."""
    return None


class Dropped(Enum):
    """In the place of a record of an erased contact."""

    ERASED = ERASED


Item = Interaction | Forwarded | Activation | Poison | Dropped


class Decider:
    """Turns fetched records into batches; the only one that changes contacts."""

    def __init__(
        self,
        parts: Parts,
        decode: Decoder,
        encoder: Encoder,
        rules: Rules,
        cache: ContactCache,
        load: Load,
        load_sealed: LoadSealed,
        register: Register,
        rejected: Mapping[SourceKey, Poison],
        find_model: FindModel = no_model,
    ) -> None:
        """`rules`: of the contacts for which no other model was activated."""
        self._lane = parts.lane.encode()
        self._topics = parts.source.topics
        self._decode = decode
        self._encoder = encoder
        self._rules = rules
        self._metrics = parts.metrics
        self._cache = cache
        self._load = load
        self._load_sealed = load_sealed
        self._register = register
        self._rejected = rejected
        self._find_model = find_model
        self._tally: Counter[str] = Counter()
        """Outcomes."""
        self._sources: set[str] = set()
        """Producers named in the metrics so far."""
        self._moves: Counter[tuple[str, str, str]] = Counter()
        """(model, from, to)"""
        self._breaches: Counter[str] = Counter()
        """By timer."""

    async def decide(
        self,
        number: int,
        fetched: Fetched,
        now: Microseconds,
    ) -> DecidedBatch:
        """Number and decide one batch. From here on every partition in it has it pending."""
        batch = DecidedBatch(number=number, decided_at=now, fetched=fetched)
        was = [owned.decided.as_of for owned, _ in fetched]
        begun = [begin(owned, records) for owned, records in fetched]
        decoded = [await self._decode_all(records) for _, records in fetched]
        for (owned, _), as_of, part, items in zip(fetched, was, begun, decoded, strict=True):
            if owned.rulings is not None:
                await self._activate(batch, owned.rulings, as_of, items)
                owned.rulings.advance(part.position.as_of)
        # after `begin`: erasing a contact means every batch numbered before it
        await self._drop_erased(fetched, decoded)
        brought = await self._bring(fetched, decoded)
        for (owned, records), items, part, touched in zip(
            fetched, decoded, begun, brought, strict=True
        ):
            try:
                await self._decide_partition(batch, owned, part, records, items, touched)
            except Halted as halted:
                raise Halted(f"partition {owned.partition}: {halted}", owned.partition) from halted
        self._report(fetched)
        return batch

    async def decide_due(self, number: int, due: Due, now: Microseconds) -> DecidedBatch:
        """As `decide`, without records: what is due at each partition's horizon fires."""
        batch = DecidedBatch(number=number, decided_at=now, fetched=[])
        begun = [begin_due(each.owned, each.horizon) for each in due]
        for each, part in zip(due, begun, strict=True):
            if each.owned.rulings is not None:
                each.owned.rulings.advance(part.position.as_of)
                if each.sweep is not None:
                    batch.sweeps.append(each.sweep)
                    each.owned.rulings.swept(each.sweep)
        brought = await self._bring_due(due)
        for each, part, touched in zip(due, begun, brought, strict=True):
            partition = each.owned.partition
            try:
                await self._fire(batch, each, part, touched)
                await self._collect(batch, partition, touched, part)
            except Halted as halted:
                raise Halted(f"partition {partition}: {halted}", partition) from halted
            self._close(batch, part, [], [])
        self._report([])
        return batch

    async def _fire(
        self,
        batch: DecidedBatch,
        due: PartitionDue,
        part: PartitionBatch,
        touched: dict[Key, "_Touched"],
    ) -> None:
        horizon = part.position.as_of
        for n, row in enumerate(due.contacts):
            if due.sweep is not None or n % TURN_RECORDS == 0:  # it may fold a whole history
                await asyncio.sleep(0)
            mine = touched[row.tenant, row.contact_id]
            contact = mine.entry.contact
            await self._complete(due.owned.partition, mine)
            try:
                mine.told(decide_due(contact, mine.ruling, horizon))
            except RuleError as failed:
                log.error("timer_refused", partition=due.owned.partition, why=str(failed))
                contact.rollback()
            mine.tell_account(horizon)
            check_at = contact.check_at
            if check_at is not None and check_at <= horizon:
                batch.stuck.append(row)

    async def _activate(
        self,
        batch: DecidedBatch,
        rulings: Rulings,
        as_of: Microseconds,
        items: list[Item],
    ) -> None:
        """Before anything of the batch is decided. One that names no stored model is poison."""
        for n, item in [(n, item) for n, item in enumerate(items) if type(item) is Activation]:
            rules = await self._find_model(item.content_hash)
            if rules is None or rules.ref != item.model:
                items[n] = RuleError(
                    f"no model {item.model} with this content is stored: activate it with"
                    " `funnel model activate`, which stores it first"
                )
                continue
            row = rulings.activate(item, rules, as_of, batch.decided_at)
            if row is not None:
                batch.activations.append(row)
            self._tally["duplicate" if row is None else "applied"] += 1

    async def _complete(self, partition: int, mine: "_Touched") -> None:
        """With its sealed chunks, where another model has to fold all of it."""
        contact = mine.entry.contact
        if mine.ruling.generation and needs_all(contact, mine.ruling):
            contact.load_sealed(
                await self._load_sealed(partition, contact.tenant, contact.contact_id)
            )

    async def _decode_all(self, records: Sequence[SourceRecord]) -> list[Item]:
        items: list[Item] = []
        for start in range(0, len(records), TURN_RECORDS):
            items += [self._decode_one(r) for r in records[start : start + TURN_RECORDS]]
            await asyncio.sleep(0)
        return items

    def _decode_one(self, record: SourceRecord) -> Decoded:
        if self._rejected:
            rejected = self._rejected.get((record.topic, record.partition, record.offset))
            if rejected is not None:
                return rejected
        return self._decode(record)

    async def _drop_erased(self, fetched: Fetched, decoded: Sequence[list[Item]]) -> None:
        """What is of no contact here would be kept or forwarded without being asked."""
        named: dict[str, list[tuple[list[Item], int]]] = {}
        for (_, records), items in zip(fetched, decoded, strict=True):
            for n, item in enumerate(items):
                if type(item) is not Interaction and type(item) is not Activation:
                    _, _, _, _, key, value, headers = records[n]
                    name = name_of(key, value, headers)
                    if name is not None:
                        named.setdefault(name, []).append((items, n))
        for name in await self._register.erased_among(named):
            for items, n in named[name]:
                items[n] = Dropped.ERASED

    async def _bring(
        self,
        fetched: Fetched,
        decoded: Sequence[Sequence[Item]],
    ) -> list[dict[Key, "_Touched"]]:
        """Each partition's contacts: from memory, else loaded; unknown ones begin empty."""
        cache = self._cache
        brought: list[dict[Key, _Touched]] = []
        missing: _Missing = {}
        for (owned, _), items in zip(fetched, decoded, strict=True):
            touched: dict[Key, _Touched] = {}
            in_force, default = self._rulings_of(owned)
            for item in items:
                if type(item) is Interaction:
                    key = (item.tenant, item.contact_id)
                    if key not in touched and key not in missing:
                        entry = cache.get(key)
                        ruling = in_force.get(item.tenant, default)
                        if entry is None:
                            missing[key] = (owned.partition, touched, ruling)
                        else:
                            touched[key] = _Touched(entry, ruling)
            brought.append(touched)
        if missing:
            await self._load_missing(missing)
        return brought

    async def _bring_due(self, due: Due) -> list[dict[Key, "_Touched"]]:
        brought: list[dict[Key, _Touched]] = []
        missing: _Missing = {}
        for each in due:
            touched: dict[Key, _Touched] = {}
            in_force, default = self._rulings_of(each.owned)
            for row in each.contacts:
                key = (row.tenant, row.contact_id)
                entry = self._cache.get(key)
                ruling = in_force.get(row.tenant, default)
                if entry is None:
                    missing[key] = (each.owned.partition, touched, ruling)
                else:
                    touched[key] = _Touched(entry, ruling)
            brought.append(touched)
        if missing:
            await self._load_missing(missing)
        return brought

    async def _load_missing(self, missing: "_Missing") -> None:
        cache = self._cache
        for row in await self._load([(p, *key) for key, (p, *_) in missing.items()]):
            key = (row.tenant, row.contact_id)
            contact = Contact.stored(
                row.tenant, row.contact_id, row.version, row.stage, row.seq, row.state, row.log
            )
            partition, touched, ruling = missing.pop(key)
            touched[key] = _Touched(cache.put(key, contact, partition), ruling)
        for key, (partition, touched, ruling) in missing.items():
            touched[key] = _Touched(cache.put(key, Contact.new(*key), partition), ruling)

    def _rulings_of(self, owned: OwnedPartition) -> tuple[Mapping[str, Ruling], Ruling]:
        """What is in force in the partition, by tenant, and for all others."""
        rulings = owned.rulings
        return ({}, self._rules) if rulings is None else (rulings.in_force, rulings.default)

    async def _decide_partition(
        self,
        batch: DecidedBatch,
        owned: OwnedPartition,
        part: PartitionBatch,
        records: Sequence[SourceRecord],
        items: Sequence[Item],
        touched: dict[Key, "_Touched"],
    ) -> None:
        tally = self._tally
        batch_seq = part.position.batch_seq
        horizon = part.position.as_of
        accepted: list[SourceRecord] = []
        other: list[OutputRecord] = []
        first_dead = len(batch.dead_letters)
        if owned.rulings is not None and owned.rulings.in_force:
            for mine in touched.values():
                await self._complete(owned.partition, mine)
        for n, (record, item) in enumerate(zip(records, items, strict=True)):
            if n % TURN_RECORDS == 0:
                await asyncio.sleep(0)
            if type(item) is Interaction:
                mine = touched[item.tenant, item.contact_id]
                contact = mine.entry.contact
                if contact.stage == ERASED:
                    tally[ERASED] += 1
                    if (told := refusal(item)) is not None:
                        other.append(self._encoder.command(item.tenant, told))
                    continue
                if item.type == ERASURE:
                    await self._erase(owned.partition, mine, item)
                    accepted.append(record)
                    tally["applied"] += 1
                    continue
                if contact.needs_sealed(item):
                    contact.load_sealed(
                        await self._load_sealed(owned.partition, item.tenant, item.contact_id)
                    )
                address = Address(batch_seq, len(accepted))
                try:
                    decision = decide(contact, item, address, mine.ruling, horizon)
                except RuleError as poison:
                    mine.redo(horizon)
                    self._bury(batch, owned, record, poison, other)
                    continue
                accepted.append(record)
                mine.add(item, address, decision)
                tally[decision.verdict] += 1
                if not item.is_backfill:
                    batch.event_times.append(item.time)
            elif type(item) is Forwarded:
                other.append(item.output)
                tally["forwarded"] += 1
                self._metrics.forwarded.labels(self._source_label(item.source)).inc()
            elif item is Dropped.ERASED:
                tally[ERASED] += 1
            elif type(item) is Activation:
                continue  # done before
            else:
                assert isinstance(item, Poison)
                self._bury(batch, owned, record, item, other)
        await self._collect(batch, owned.partition, touched, part)
        self._close(batch, part, accepted, other)
        tally["dead_letter"] += len(batch.dead_letters) - first_dead

    async def _erase(self, partition: int, mine: "_Touched", item: Interaction) -> None:
        contact = mine.entry.contact
        if contact.book.chunks:
            contact.load_sealed(await self._load_sealed(partition, item.tenant, item.contact_id))
        mine.erased(erase(contact, item, mine.ruling))

    def _close(
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

    async def _collect(
        self,
        batch: DecidedBatch,
        partition: int,
        touched: dict[Key, "_Touched"],
        part: PartitionBatch,
    ) -> None:
        """Per contact: its stored form, history, counters, and records in their order."""
        counters: Counter[tuple[str, str]] = Counter()
        now = batch.decided_at
        encoder = self._encoder
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
            # before `take_change`, which drops what is decoded
            mine.tell_account(part.position.as_of)
            rules = mine.ruling.at(now)
            shown = view(contact, rules, now) if mine.snapshot_due else None
            taken = contact.take_change()
            if taken is None:
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
                batch.history.append(HistoryRow(partition, tenant, contact_id, now, moved))
            self._publish(mine, now, part)
            if shown is not None:
                part.records.append(
                    encoder.snapshot(
                        tenant,
                        contact_id,
                        partition,
                        now,
                        contact.seq,
                        contact.version,
                        shown,
                        rules.ref,
                    )
                )
            _count(counters, tenant, entry)
        batch.check_at = earliest
        batch.counters += [
            CounterDelta(partition, tenant, stage, delta)
            for (tenant, stage), delta in sorted(counters.items())
            if delta
        ]

    async def _collect_erased(
        self,
        batch: DecidedBatch,
        mine: "_Touched",
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

    def _publish(self, mine: "_Touched", now: Microseconds, part: PartitionBatch) -> None:
        """What was decided about a contact, in order."""
        encoder, contact = self._encoder, mine.entry.contact
        about = contact.tenant, contact.contact_id, part.position.partition, now
        for told in _by_seq(mine.changes, mine.signals):
            if isinstance(told, Signal):
                part.records.append(encoder.signal(*about, told))
                if told.kind == "sla_breached":
                    self._breaches[told.details["timer"]] += 1
                continue
            part.records += encoder.change(*about, told)
            if told.kind == "changed":
                self._moves[told.model, told.from_stage, told.to_stage] += 1
        for command in mine.commands:
            part.records.append(encoder.command(contact.tenant, command))
        for word in mine.words:
            part.records.append(encoder.account_input(word))

    def _bury(
        self,
        batch: DecidedBatch,
        owned: OwnedPartition,
        record: SourceRecord,
        poison: Poison,
        outputs: list[OutputRecord],
    ) -> None:
        """A dead letter: a row and a record, in the same batch as everything else."""
        self._metrics.dead_letters.labels(poison.reason).inc()
        outputs.append(self._encoder.dead_letter(record, poison, batch.decided_at))
        topic = self._topics[record.topic]
        batch.dead_letters.append(
            dead_letter_row(record, topic, owned.partition, poison, batch.decided_at)
        )

    def _source_label(self, source: str) -> str:
        """Producers choose their names: a metric must not grow with them."""
        if source in self._sources or len(self._sources) < SOURCE_LABELS_MAX:
            self._sources.add(source)
            return source
        return "other"

    def _report(self, fetched: Fetched) -> None:
        """Metrics once a batch: a label look-up costs about a microsecond."""
        received: Counter[int] = Counter()
        for _, records in fetched:
            for record in records:
                received[record.topic] += 1
        for topic, n in received.items():
            self._metrics.interactions_received.labels(self._topics[topic]).inc(n)
        for outcome, n in self._tally.items():
            if n:
                self._metrics.interactions_handled.labels(outcome).inc(n)
        for move, n in self._moves.items():
            self._metrics.transitions.labels(*move).inc(n)
        for timer, n in self._breaches.items():
            self._metrics.sla_breaches.labels(timer).inc(n)
        self._tally.clear()
        self._moves.clear()
        self._breaches.clear()


def _count(counters: Counter[tuple[str, str]], tenant: str, entry: Entry) -> None:
    """A contact by the stage it is in; nowhere is no stage."""
    now = entry.contact.stage
    if now != entry.stage:
        if entry.stage != NONE:
            counters[tenant, entry.stage] -= 1
        if now != NONE:
            counters[tenant, now] += 1
        entry.stage = now


def _by_seq(changes: list[Change], signals: list[Signal]) -> Sequence[Change | Signal]:
    """A signal after the change it belongs to: on a topic that carries both seq never falls."""
    return sorted([*changes, *signals], key=lambda each: each.seq) if signals else changes


class _Touched:
    """A contact in this batch: what was decided about it, in order."""

    __slots__ = (
        "changes", "commands", "entry", "erasure", "items", "ruling", "signals", "snapshot_due",
        "words",
    )  # fmt: skip

    def __init__(self, entry: Entry, ruling: Ruling) -> None:
        self.entry = entry
        self.ruling = ruling
        """What decides about it in this batch."""
        self.items: list[tuple[Interaction, Address]] = []
        self.changes: list[Change] = []
        self.signals: list[Signal] = []
        self.commands: list[Command] = []
        self.words: list[AccountInput] = []
        self.snapshot_due = False
        self.erasure: Erasure | None = None

    def add(self, item: Interaction, address: Address, decision: Decision) -> None:
        self.items.append((item, address))
        self.told(decision)

    def told(self, decision: Decision) -> None:
        if decision.snapshot_due:
            self.changes += decision.changes
            self.snapshot_due = True
        if decision.signals:
            self.signals += decision.signals
        if decision.commands:
            self.commands += decision.commands

    def erased(self, erasure: Erasure) -> None:
        self.erasure = erasure
        self.changes.append(erasure.change)
        if erasure.withdrawn is not None:
            self.signals.append(erasure.withdrawn)
        self.commands += erasure.commands
        self.words += erasure.words

    def tell_account(self, horizon: Microseconds) -> None:
        """After all that was decided."""
        cause = None
        if self.items:
            item = self.items[-1][0]
            cause = Cause(item.id, item.source, item.type)
        self.words += tell_account(self.entry.contact, self.ruling, horizon, self.changes, cause)

    def redo(self, horizon: Microseconds) -> None:
        """After a rule failed half-way: back to the start of the batch, then again without it."""
        items, self.items = self.items, []
        self.changes, self.signals, self.commands = [], [], []
        self.snapshot_due = False
        self.entry.contact.rollback()
        for item, address in items:
            self.add(item, address, decide(self.entry.contact, item, address, self.ruling, horizon))


_Missing = dict[Key, tuple[int, dict[Key, _Touched], Ruling]]
"""What is to be loaded: its partition, where it is wanted, and what decides about it."""
