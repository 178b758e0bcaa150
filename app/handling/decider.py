"""Records -> decisions: decode, bring the contacts, fold, and collect what is to be written.

Everything but the loads is plain computation. It yields to the event loop every few milliseconds,
so that the apply and the publishing of earlier batches go on: theirs are a dozen round trips, and
each waits for its turn with a transaction open.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from app.domain.decide import Decision, decide, decide_due, needs_all
from app.domain.erasure import ERASED, ERASURE, erase, refusal
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.model import Rules
from app.domain.rewriting import SNAPSHOT_REQUESTED
from app.errors import Halted, Poison, RuleError
from app.handling import command_results
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
from app.handling.bringing import Bringer, Dropped, Item, Load
from app.handling.cache import ContactCache, Key
from app.handling.collecting import TURN_RECORDS, Collector
from app.handling.command_results import COMMANDS, TELLING
from app.handling.dead_letters import dead_letter_row
from app.handling.partition import OwnedPartition
from app.handling.parts import Parts
from app.handling.ports import Register
from app.handling.records import (
    Activation,
    Decoded,
    Decoder,
    Encoder,
    Forwarded,
    OutputRecord,
    SourceRecord,
)
from app.handling.tally import Tally
from app.handling.touched import Touched
from app.handling.traces import name_of

log = structlog.get_logger(__name__)

LoadSealed = Callable[[int, str, str], Awaitable[list[bytes]]]
FindModel = Callable[[str], Awaitable[Rules | None]]
"""By content hash; None: it is not stored."""


def intents_of(rules: Rules) -> frozenset[str]:
    """The types of interactions with which somebody asks to be spoken to."""
    return frozenset(name for name, type_ in rules.types.items() if type_.may_be_intent)


async def no_model(content_hash: str) -> Rules | None:  # noqa: ARG001
    """Where none was ever stored."""
    return None


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
        self._topics = parts.source.topics
        self._is_traced = parts.tracing.is_on
        self._decode = decode
        self._encoder = encoder
        self._metrics = parts.metrics
        self._load_sealed = load_sealed
        self._register = register
        self._rejected = rejected
        self._find_model = find_model
        self._intents = intents_of(rules)
        self._tally = tally = Tally(parts.metrics, self._topics)
        self._bringer = Bringer(cache, load, rules)
        self._collector = Collector(parts.lane, encoder, cache, register, tally)

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
        for (owned, records), as_of, part, items in zip(fetched, was, begun, decoded, strict=True):
            if owned.rulings is not None:
                await self._activate(batch, owned, as_of, records, items)
                owned.rulings.advance(part.position.as_of)
        # after `begin`: erasing a contact means every batch numbered before it
        await self._drop_erased(fetched, decoded)
        batch.oldest_intent = self._oldest_intent(decoded)
        brought = await self._bringer.bring(fetched, decoded)
        for (owned, records), items, part, touched in zip(
            fetched, decoded, begun, brought, strict=True
        ):
            try:
                await self._decide_partition(batch, owned, part, records, items, touched)
            except Halted as halted:
                raise Halted(f"partition {owned.partition}: {halted}", owned.partition) from halted
        self._tally.report(fetched)
        if self._is_traced:
            batch.traceparents = [
                item.traceparent
                for items in decoded
                for item in items
                if type(item) is Interaction and item.traceparent is not None
            ]
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
        brought = await self._bringer.bring_due(due)
        for each, part, touched in zip(due, begun, brought, strict=True):
            partition = each.owned.partition
            try:
                await self._fire(batch, each, part, touched)
                await self._collector.collect(batch, partition, touched, part)
            except Halted as halted:
                raise Halted(f"partition {partition}: {halted}", partition) from halted
            self._collector.close(batch, part, [], [])
        self._tally.report([])
        return batch

    async def _fire(
        self,
        batch: DecidedBatch,
        due: PartitionDue,
        part: PartitionBatch,
        touched: dict[Key, Touched],
    ) -> None:
        horizon = part.position.as_of
        for n, row in enumerate(due.contacts):
            if due.sweep is not None or n % TURN_RECORDS == 0:  # it may fold a whole history
                await asyncio.sleep(0)
            mine = touched[row.tenant, row.contact_id]
            contact = mine.entry.contact
            mine.mark()
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
        owned: OwnedPartition,
        as_of: Microseconds,
        records: Sequence[SourceRecord],
        items: list[Item],
    ) -> None:
        """Before anything of the batch is decided. One that names no stored model is poison."""
        assert owned.rulings is not None
        for n, item in [(n, item) for n, item in enumerate(items) if type(item) is Activation]:
            rules = await self._find_model(item.content_hash)
            if rules is None or rules.ref != item.model:
                items[n] = RuleError(
                    f"no model {item.model} with this content is stored: activate it with"
                    " `funnel model activate`, which stores it first"
                )
                continue
            row = owned.rulings.activate(item, rules, as_of, batch.decided_at)
            if row is not None:
                batch.activations.append(row)
            if owned.partition == TELLING and (asker := command_results.asker_in(records[n])):
                told = command_results.activated(asker, item, row, batch.decided_at)
                batch.results.append(told)
            self._tally.outcomes["duplicate" if row is None else "applied"] += 1

    def _oldest_intent(self, decoded: Sequence[list[Item]]) -> Microseconds | None:
        intents = self._intents
        return min(
            (
                item.arrived_at
                for items in decoded
                for item in items
                if type(item) is Interaction and item.type in intents
            ),
            default=None,
        )

    async def _complete(self, partition: int, mine: Touched) -> None:
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

    async def _decide_partition(
        self,
        batch: DecidedBatch,
        owned: OwnedPartition,
        part: PartitionBatch,
        records: Sequence[SourceRecord],
        items: Sequence[Item],
        touched: dict[Key, Touched],
    ) -> None:
        tally = self._tally.outcomes
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
                    _note_erased(batch, record)
                    continue
                mine.mark()
                if item.type == ERASURE:
                    await self._erase(owned.partition, mine, item)
                    if (asker := command_results.asker_of(record, item)) is not None:
                        batch.results.append(command_results.erased(asker, batch.decided_at))
                    accepted.append(record)
                    tally["applied"] += 1
                    continue
                if item.type == SNAPSHOT_REQUESTED:
                    # no interaction: nothing is folded, and nothing kept
                    mine.snapshot_asked = mine.snapshot_asked or contact.version > 0
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
                if record.topic == COMMANDS:
                    _note_decided(batch, record, mine, item, decision)
                if not item.is_backfill:
                    batch.event_times.append(item.time)
            elif type(item) is Forwarded:
                other.append(item.output)
                self._tally.forwarded(item.source)
            elif item is Dropped.ERASED:
                tally[ERASED] += 1
                _note_erased(batch, record)
            elif type(item) is Activation:
                continue  # done before
            else:
                assert isinstance(item, Poison)
                self._bury(batch, owned, record, item, other)
        await self._collector.collect(batch, owned.partition, touched, part)
        self._collector.close(batch, part, accepted, other)
        tally["dead_letter"] += len(batch.dead_letters) - first_dead

    async def _erase(self, partition: int, mine: Touched, item: Interaction) -> None:
        contact = mine.entry.contact
        if contact.book.chunks:
            contact.load_sealed(await self._load_sealed(partition, item.tenant, item.contact_id))
        mine.erased(erase(contact, item, mine.ruling))

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
        if (asker := command_results.asker_in(record)) is not None:
            batch.results.append(command_results.buried(asker, poison, batch.decided_at))


def _note_decided(
    batch: DecidedBatch, record: SourceRecord, mine: Touched, item: Interaction, decision: Decision
) -> None:
    """What became of a person's command, as the contact is right after it."""
    asker = command_results.asker_of(record, item)
    if asker is not None:
        batch.results.append(
            command_results.decided(
                asker, mine.entry.contact, item, decision, mine.ruling, batch.decided_at
            )
        )


def _note_erased(batch: DecidedBatch, record: SourceRecord) -> None:
    if (asker := command_results.asker_in(record)) is not None:
        batch.results.append(command_results.too_late(asker, batch.decided_at))
