"""Stage changes as readers see them, and as the history and the segments have them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from app.domain.interaction import Microseconds
from app.domain.routing import home_partition, routing_key
from app.domain.topics import Topic
from app.errors import Unavailable
from app.handling.records import OutputRecord
from app.handling.register import Register
from app.kafka_access import kafka_access, stop_consumer
from app.outbound.encoding import stage_change_id
from app.outbound.headers import EventType, Header
from app.runtime.audit.ends import CLIENT_ID
from app.runtime.audit.findings import Check, Checked, Finding
from app.settings import Kafka
from app.storage import audit_reads
from app.storage.audit_reads import Told
from app.storage.segments import unpack

BATCHES_AT_ONCE: Final = 50
RECORDS_AT_ONCE: Final = 500
POLL_MS: Final = 200
CLOCKS_APART_MS: Final = 120_000
"""At most, between a broker and the workers."""


class Change(NamedTuple):
    """One record on funnel.stage-changes.v1."""

    batch_seq: int
    offset: int
    tenant: str
    contact_id: str
    seq: int
    id: bytes
    is_erasure: bool


class Published:
    """One partition's stage changes, read forward; compared batch by batch, in bounded pages."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        kafka: Kafka,
        topic: str,
        lane: str,
        partition: int,
        homes: int,
        checked: Checked,
        patience_seconds: float,
    ) -> None:
        """`homes`: N of the lane."""
        self._connection = connection
        self._kafka = kafka
        self._at = TopicPartition(topic, partition)
        self._lane = lane
        self._partition = partition
        self._homes = homes
        self._checked = checked
        self._patience_seconds = patience_seconds
        self._waiting: list[Change] = []
        self._highest = 0
        self._findings: list[Finding] = []

    async def compare(self, after: int, until: int, since: Microseconds) -> list[Finding]:
        """Batches in (after, until], all of them published; `since`: `as_of` of the first."""
        async with self._reader(since) as reader:
            last = after
            while last < until:
                page = await audit_reads.outputs(
                    self._connection, self._lane, self._partition, last, until, BATCHES_AT_ONCE
                )
                end = page[-1].batch_seq if page else until
                await self._compare_page(reader, page, last, end)
                last = end
        return self._findings

    async def _compare_page(
        self, reader: AIOKafkaConsumer, page: Sequence[Told], after: int, end: int
    ) -> None:
        expected = {id_: told.batch_seq for told in page for id_ in _ids(told)}
        seen: set[bytes] = set()
        give_up = time.monotonic() + self._patience_seconds
        while True:
            found = await self._read(reader, end)
            mine = [change for change in found if change.batch_seq > after]
            for change in found:
                if change.id in seen or change.batch_seq < self._highest:
                    what = f"batch {change.batch_seq} after {self._highest}, offset {change.offset}"
                    self._tell(Check.TOLD_TWICE, what, change)
                self._highest = max(self._highest, change.batch_seq)
            seen.update(change.id for change in mine)
            await self._look_up(mine)
            if found:
                continue
            if not (expected.keys() - seen) or time.monotonic() > give_up:
                break
            await asyncio.sleep(POLL_MS / 1000)  # markers are written after the commit's answer
        self._checked.batches += len(page)
        for id_ in expected.keys() - seen:
            self._tell(
                Check.NOT_PUBLISHED, f"batch {expected[id_]}: record {id_.decode()} is missing"
            )

    async def _read(self, reader: AIOKafkaConsumer, end: int) -> list[Change]:
        """Some more, up to a batch; the first of a later one waits for the next page."""
        if not self._waiting:
            got = await reader.getmany(self._at, timeout_ms=POLL_MS, max_records=RECORDS_AT_ONCE)
            self._waiting = [
                change
                for record in got.get(self._at, [])
                if (change := self._change(record)) is not None
            ]
        count = next(
            (n for n, change in enumerate(self._waiting) if change.batch_seq > end),
            len(self._waiting),
        )
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _change(self, record: Any) -> Change | None:
        """None: it was no lane of ours that wrote it."""
        headers = {name: value or b"" for name, value in record.headers}
        lane, _, rest = headers.get("funnel-batch", b"").decode(errors="replace").rpartition("/")
        if lane != f"{self._lane}/{self._partition}":
            return None
        return Change(
            int(rest),
            record.offset,
            headers.get(Header.TENANT.value, b"").decode(errors="replace"),
            headers.get(Header.SUBJECT.value, b"").decode(errors="replace"),
            int(headers.get(Header.SEQUENCE.value, b"0")),
            headers.get(Header.ID.value, b""),
            headers.get(Header.TYPE.value) == EventType.ERASED.encode(),
        )

    async def _look_up(self, changes: Sequence[Change]) -> None:
        """Published after it was applied: PostgreSQL must have it, but of who was erased."""
        told = [change for change in changes if not change.is_erasure]
        names = [routing_key(change.tenant, change.contact_id) for change in told]
        keys = [
            (home_partition(name, self._homes), change.tenant, change.contact_id, change.seq)
            for name, change in zip(names, told, strict=True)
        ]
        rows = await audit_reads.histories(self._connection, keys)
        lost = {name for name, row in zip(names, rows, strict=True) if row is None}
        erased = await Register(self._connection).erased_among(lost) if lost else set()
        for name, change, row in zip(names, told, rows, strict=True):
            if row is None:
                if name not in erased:
                    self._tell(Check.NOT_IN_HISTORY, f"seq {change.seq} has no row", change)
            elif stage_change_id(row.kind, row.transition_id, row.revision) != change.id:
                self._tell(Check.DIFFERS, f"seq {change.seq} is another change", change)
        self._checked.stage_changes += len(told)

    def _tell(self, check: Check, what: str, change: Change | None = None) -> None:
        contact = None if change is None else routing_key(change.tenant, change.contact_id)
        self._findings.append(Finding(check, self._lane, self._partition, what, contact))

    @asynccontextmanager
    async def _reader(self, since: Microseconds) -> AsyncIterator[AIOKafkaConsumer]:
        reader = AIOKafkaConsumer(
            **kafka_access(self._kafka),
            client_id=CLIENT_ID,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await reader.start()
            reader.assign([self._at])
            since_ms = max(0, since // 1000 - CLOCKS_APART_MS)
            found = (await reader.offsets_for_times({self._at: since_ms}))[self._at]
            if found is not None:
                reader.seek(self._at, found.offset)
            yield reader
        except (KafkaError, OSError) as failed:
            raise Unavailable(f"Kafka at {self._kafka.bootstrap_servers}: {failed!r}") from failed
        finally:
            await asyncio.sleep(0)  # aiokafka's own task must have begun before it can be stopped
            await stop_consumer(reader)


def _ids(told: Told) -> list[bytes]:
    """Of a batch's stage changes."""
    return [
        value
        for record in unpack(told.outputs, OutputRecord)
        if record.topic == Topic.STAGE_CHANGES
        for name, value in record.headers
        if name == Header.ID.value and value is not None
    ]
