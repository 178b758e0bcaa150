"""Contacts' words -> decisions about their accounts.

Off the hot path, so nothing is remembered between batches: a batch waits until those before it are
in PostgreSQL and reads what it needs from there.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from app.domain.account import AccountChange, AccountInput
from app.domain.interaction import Microseconds
from app.domain.model import Rules
from app.errors import Poison
from app.failpoints import Failpoint, hit
from app.handling.batch import DecidedBatch, Fetched, PartitionBatch, begin, key_of
from app.handling.dead_letters import dead_letter_row
from app.handling.library import Library
from app.handling.partition import OwnedPartition
from app.handling.parts import Lent, Parts
from app.handling.records import OutputRecord, SourceRecord
from app.handling.told_accounts import ToldAccounts
from app.storage.account_rows import AccountChangeRow, AccountRows
from app.storage.accounts import load_accounts, load_members
from app.storage.segments import pack

TURN_RECORDS: Final = 100
"""Between two yields to the other lane and to this one's own stages."""

AccountDecoder = Callable[[SourceRecord], AccountInput | Poison]
"""Never raises."""


class AccountEncoder(Protocol):
    """Decisions -> output records, without the header `funnel-batch`, which the lane adds."""

    def change(
        self,
        tenant: str,
        account_id: str,
        partition: int,
        decided_at: Microseconds,
        change: AccountChange,
    ) -> list[OutputRecord]:
        """On funnel.accounts.v1: the change of stage, and the hand-off that goes with it."""
        ...

    def dead_letter(
        self, record: SourceRecord, poison: Poison, failed_at: Microseconds
    ) -> OutputRecord:
        """On the dead letter topic."""
        ...


def account_decider(
    decode: AccountDecoder, encoder: AccountEncoder, library: Library
) -> Callable[[Parts, Lent], "AccountDecider"]:
    """What `Parts.decider` is in the account lane."""
    return lambda parts, lent: AccountDecider(parts, lent, decode, encoder, library)


class AccountDecider:
    """Implements `Deciding`."""

    def __init__(
        self,
        parts: Parts,
        lent: Lent,
        decode: AccountDecoder,
        encoder: AccountEncoder,
        library: Library,
    ) -> None:
        self._lane = parts.lane.encode()
        self._topics = parts.source.topics
        self._metrics = parts.metrics
        self._lent = lent
        self._decode = decode
        self._encoder = encoder
        self._library = library

    async def decide(self, number: int, fetched: Fetched, now: Microseconds) -> DecidedBatch:
        rows = AccountRows()
        batch = DecidedBatch(number=number, decided_at=now, fetched=fetched, accounts=rows)
        begun = [begin(owned, records) for owned, records in fetched]
        decoded = [[self._decode_one(record) for record in records] for _, records in fetched]
        brought = await self._bring(fetched, decoded)
        tenants = {
            told.tenant for items in decoded for told in items if isinstance(told, AccountInput)
        }
        rules = await self._library.rules_by_tenant(self._lent.connection, tenants, now)
        for (owned, records), items, part in zip(fetched, decoded, begun, strict=True):
            await self._decide_partition(batch, owned, part, records, items, brought, rules)
        brought.store(rows, now)
        for topic in {record.topic for _, records in fetched for record in records}:
            n = sum(record.topic == topic for _, records in fetched for record in records)
            self._metrics.interactions_received.labels(self._topics[topic]).inc(n)
        return batch

    def _decode_one(self, record: SourceRecord) -> AccountInput | Poison:
        return self._lent.rejected.get(key_of(record)) or self._decode(record)

    async def _bring(
        self, fetched: Fetched, decoded: Sequence[Sequence[AccountInput | Poison]]
    ) -> ToldAccounts:
        """The accounts that are told something, and the last words of those who tell it."""
        members = {
            (owned.partition, told.tenant, told.account_id, told.contact_id)
            for (owned, _), items in zip(fetched, decoded, strict=True)
            for told in items
            if isinstance(told, AccountInput)
        }
        await self._lent.applied_so_far()
        connection = self._lent.connection
        hit(Failpoint.LOAD_BEFORE_ACCOUNTS)
        stored = await load_accounts(connection, {key[:3] for key in members})
        hit(Failpoint.LOAD_BEFORE_ACCOUNTS)
        known = await load_members(connection, members)
        return ToldAccounts(
            {account.key: (account.version, account.state) for account in stored}, known
        )

    async def _decide_partition(
        self,
        batch: DecidedBatch,
        owned: OwnedPartition,
        part: PartitionBatch,
        records: Sequence[SourceRecord],
        items: Sequence[AccountInput | Poison],
        brought: ToldAccounts,
        rules: Mapping[str, Rules],
    ) -> None:
        accepted: list[SourceRecord] = []
        partition, now = owned.partition, batch.decided_at
        assert batch.accounts is not None
        for n, (record, told) in enumerate(zip(records, items, strict=True)):
            if n % TURN_RECORDS == 0:
                await asyncio.sleep(0)
            if isinstance(told, Poison):
                self._metrics.dead_letters.labels(told.reason).inc()
                part.records.append(self._encoder.dead_letter(record, told, now))
                topic = self._topics[record.topic]
                batch.dead_letters.append(dead_letter_row(record, topic, partition, told, now))
                continue
            accepted.append(record)
            change = brought.fold(partition, told, rules[told.tenant])
            if change is not None:
                key = (partition, told.tenant, told.account_id)
                batch.accounts.changes.append(AccountChangeRow(key, now, change))
                part.records += self._encoder.change(*key[1:], partition, now, change)
        seq = part.position.batch_seq
        header = ("funnel-batch", b"%s/%d/%d" % (self._lane, partition, seq))
        for output in part.records:
            output.headers.append(header)
        part.n = len(accepted)
        part.events = pack(accepted)
        part.outputs = pack(part.records)
        batch.parts.append(part)
