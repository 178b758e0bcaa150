"""Lanes on the real Kafka and PostgreSQL in this process, with topics and a database of one test.

Decoder and encoder know the topics by their public names; what goes to the broker goes to the
test's own. A lane in another *membership* group believes that every partition is its own, while
offsets stay the shared group's: two owners at once, as with a process that was stopped and woke.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code
from msgspec.structs import replace

from app.bootstrap import OUTPUTS, now
from app.domain.routing import home_partition, routing_key
from app.domain.topics import CONTACT_LANE, CONTACT_LANE_INPUTS, Topic
from app.handling.contact_decider import contact_decider
from app.handling.holdings import Holdings
from app.handling.known_types import KnownTypes
from app.handling.lane import Lane
from app.handling.library import Library
from app.handling.parts import NO_TRACING, Deciding, Lent, Parts
from app.handling.ports import Position
from app.handling.records import Decoder, OutputRecord
from app.inbound.consumer import LaneConsumer
from app.inbound.decoding import make_decoder
from app.models import load_rules
from app.outbound.coordinator import BrokerCoordinator
from app.outbound.encoding import make_encoder
from app.outbound.publisher import TransactionalOutlet
from app.settings import Settings, load
from app.storage import ownership
from app.storage.rows import PartitionRow
from app.telemetry.metrics import Metrics

PARTITIONS: Final = 2
PATIENCE_SECONDS: Final = 20.0
SOURCE: Final = "https://forms.example/a"

JOURNEY: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("newsletter.signed_up", {"email": "a@b.example", "list_id": "l", "consent": True}),
    ("email.replied", {"message_id": "m", "is_auto_reply": False}),
    ("demo.requested", {"product_id": "x"}),
    ("pricing.requested", {"product_id": "x"}),
)
"""Types and data of interactions that move a contact through the stages."""


async def until(
    condition: Callable[[], Any | Awaitable[Any]], seconds: float = PATIENCE_SECONDS
) -> Any:
    """The condition's first true answer; AssertionError when it does not come in time."""
    give_up = time.monotonic() + seconds
    while True:
        answer = condition()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < give_up, f"did not come true in {seconds} s: {condition}"
        await asyncio.sleep(0.02)


class RigOutlet:
    """Publishes to the test's topics. A closed gate stops this lane before its transactions."""

    def __init__(self, inner: TransactionalOutlet, rig: "Rig", gate: asyncio.Event) -> None:
        self._inner = inner
        self._rig = rig
        self._gate = gate
        self.start, self.close = inner.start, inner.close

    async def publish(self, records: Sequence[OutputRecord], positions: Sequence[Position]) -> None:
        await self._gate.wait()
        named = [replace(record, topic=self._rig.name(record.topic)) for record in records]
        await self._inner.publish(named, positions)


class Running:
    """A lane at work, and the means to disturb it."""

    def __init__(self, rig: "Rig", settings: Settings, decode: Decoder, rules: Any) -> None:
        self.metrics = Metrics()
        self.may_publish = asyncio.Event()
        self.may_publish.set()
        self.stop = asyncio.Event()
        self.source = LaneConsumer(settings.kafka, rig.inputs)
        shared = rig.settings.kafka
        library = Library(rules, rig.known)

        async def keep_house() -> None:
            return

        async def prepare() -> Parts:
            return Parts(
                settings=settings,
                lane=rig.lane_name,
                source=self.source,
                coordinator=BrokerCoordinator(shared, rig.inputs, rig.outputs),
                outlet=lambda owner: RigOutlet(
                    TransactionalOutlet(shared, owner, rig.inputs, rig.outputs),
                    rig,
                    self.may_publish,
                ),
                decider=rig.decider(decode, library),
                metrics=self.metrics,
                clock=now,
                keep_house=keep_house,
                tracing=rig.tracing,
                library=library,
            )

        self.lane = Lane(settings, self.metrics, prepare)
        self.task = asyncio.create_task(self.lane.run(self.stop))

    @property
    def holdings(self) -> Holdings:
        assert self.lane._current is not None, "between incarnations"
        return self.lane._current.holdings

    @property
    def owned(self) -> list[int]:
        """Partitions that records flow from."""
        current = self.lane._current
        if current is None:
            return []
        return sorted(p for p in current.holdings.owned if current.holdings.is_active(p))

    async def owns(self, *partitions: int) -> None:
        def check() -> bool:
            if self.task.done():
                self.task.result()
            return self.owned == list(partitions)

        await until(check)

    @property
    def generation(self) -> int:
        """Of the group, as this member knows it."""
        return int(self.source._running._coordinator.generation)

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"funnel_{name}", labels) or 0.0

    def ended(self, reason: str) -> float:
        """How many incarnations began because the one before ended so."""
        return self.counted("incarnations_total", reason=reason)

    async def drain(self) -> None:
        self.stop.set()
        await self.task

    async def kill(self) -> None:
        """Ends it with nothing released; only the group is left, which saves its time-out."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Rig:
    """The world of one test."""

    lane_name: str = CONTACT_LANE
    topics_in: Sequence[Topic] = CONTACT_LANE_INPUTS
    topics_out: Sequence[Topic] = OUTPUTS

    def __init__(
        self, bootstrap_servers: str, database_url: str, unique: str, partitions: int = PARTITIONS
    ) -> None:
        self.partitions = partitions
        self.unique = unique
        self.inputs = tuple(self.name(topic) for topic in self.topics_in)
        self.outputs = tuple(self.name(topic) for topic in self.topics_out)
        self.kafka = {"bootstrap_servers": bootstrap_servers, "group_id": f"group-{unique}"}
        self.database_url = database_url
        self.settings = load({}, kafka=self.kafka, database={"url": database_url})
        self.rules = load_rules(self.settings.model)
        self.known = KnownTypes()
        self.decode = make_decoder(
            self.rules,
            self.settings.limits,
            CONTACT_LANE_INPUTS,
            self.partitions,
            tenants=self.known.by_tenant,
        )
        self.coordinator = BrokerCoordinator(self.settings.kafka, self.inputs, self.outputs)
        self.tracing = NO_TRACING
        self.lanes: list[Running] = []
        self.sent = 0
        self._producer: AIOKafkaProducer | None = None
        self._database: asyncpg.Connection | None = None

    def name(self, topic: str) -> str:
        """The test's own name of a topic."""
        return f"{topic}-{self.unique}"

    async def open(self) -> None:
        await self.create_topics({*self.inputs, *self.outputs})
        self._producer = AIOKafkaProducer(bootstrap_servers=self.kafka["bootstrap_servers"])
        await self._producer.start()
        self._database = await asyncpg.connect(self.database_url)

    async def create_topics(self, names: set[str]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka["bootstrap_servers"])
        await admin.start()
        try:
            answer = await admin.create_topics([NewTopic(n, self.partitions, 1) for n in names])
            for _, error, *_ in answer.topic_errors:
                if error:
                    raise for_code(error)

            async def visible() -> bool:
                described = await admin.describe_topics(list(names))
                return not any(topic["error_code"] for topic in described)

            await until(visible)
        finally:
            await admin.close()

    async def close(self) -> None:
        for lane in self.lanes:
            await lane.kill()
        await self.coordinator.close()
        if self._producer is not None:
            await self._producer.stop()
        if self._database is not None:
            await self._database.close()

    def lane(
        self,
        *,
        membership: str | None = None,
        decode: Decoder | None = None,
        rules: Any = None,
        lane: dict[str, Any] | None = None,
        dead_letters: dict[str, Any] | None = None,
        kafka: dict[str, Any] | None = None,
    ) -> Running:
        """Start one. `membership`: a group of its own for the assignment only."""
        settings = load(
            {},
            kafka={**self.kafka, **(kafka or {}), "group_id": membership or self.kafka["group_id"]},
            database={"url": self.database_url},
            lane={"restart_backoff_max_seconds": 0.3, **(lane or {})},
            dead_letters=dead_letters or {},
        )
        running = Running(self, settings, decode or self.decode, rules or self.rules)
        self.lanes.append(running)
        return running

    def decider(self, decode: Decoder, library: Library) -> Callable[[Parts, Lent], Deciding]:
        """Of this rig's lanes."""
        group = self.kafka["group_id"]
        encoder = make_encoder(group, CONTACT_LANE_INPUTS, self.partitions)
        return contact_decider(decode, encoder, library)

    @property
    def database(self) -> asyncpg.Connection:
        assert self._database is not None, "open first"
        return self._database

    def home(self, contact: str) -> int:
        return home_partition(routing_key("default", contact), self.partitions)

    def contact_on(self, partition: int, number: int = 0) -> str:
        """The name of a contact at home on a partition."""
        names = (name for n in range(10_000) if self.home(name := f"c{n}") == partition)
        for _ in range(number):
            next(names)
        return next(names)

    async def send(
        self,
        contact: str,
        step: int = 0,
        *,
        event_id: str | None = None,
        at: str | None = None,
        partition: int | None = None,
        topic: Topic = Topic.INTERACTIONS,
    ) -> str:
        """One interaction, step `step` of JOURNEY; its id."""
        self.sent += 1
        type_, data = JOURNEY[step % len(JOURNEY)]
        event_id = event_id or f"e{self.sent:06d}"
        event = {"specversion": "1.0", "id": event_id, "source": SOURCE, "type": type_,
                 "subject": contact, "data": data}  # fmt: skip
        if at is not None:
            event["time"] = at
        home = self.home(contact) if partition is None else partition
        await self.send_raw(json.dumps(event).encode(), home, topic=topic, key=contact.encode())
        return event_id

    async def send_raw(
        self,
        value: bytes,
        partition: int,
        *,
        topic: Topic = Topic.INTERACTIONS,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        assert self._producer is not None, "open first"
        await self._producer.send(
            self.name(topic), value, key=key, partition=partition, headers=list(headers)
        )

    async def send_journeys(self, contacts: int, steps: int = len(JOURNEY), first: int = 0) -> None:
        """Every contact's steps in order, the contacts' interleaved."""
        for step in range(steps):
            for n in range(first, first + contacts):
                await self.send(f"c{n}", step)
        await self.flush()

    async def flush(self) -> None:
        assert self._producer is not None, "open first"
        await self._producer.flush()

    async def row(self, partition: int) -> PartitionRow | None:
        fetched = await self.database.fetchrow(
            "SELECT lane, partition, epoch, owner, batch_seq, next_offsets, 0 AS as_of,"
            " published_seq, published_offsets FROM lane_partition"
            " WHERE lane = $1 AND partition = $2",
            self.lane_name,
            partition,
        )
        return None if fetched is None else ownership._partition(fetched)

    async def known_row(self, partition: int) -> PartitionRow:
        row = await self.row(partition)
        assert row is not None, f"partition {partition} has no row"
        return row

    async def settled(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Everything sent is applied, and all that is applied is published."""
        await self.flush()
        await until(self._is_settled, seconds)

    async def all_applied(self, *partitions: int) -> None:
        """D has reached what was sent to the interactions topic; all partitions where none is
        named."""
        await self.flush()
        for partition in partitions or range(self.partitions):
            _, ends = await self.coordinator.bounds(partition)
            await self.applied(partition, ends[0])

    async def applied(self, partition: int, offset: int) -> None:
        """D of the interactions topic has reached `offset`."""

        async def check() -> bool:
            row = await self.row(partition)
            return row is not None and row.next_offsets[0] >= offset

        await until(check)

    async def _is_settled(self) -> bool:
        for lane in self.lanes:
            if lane.task.done() and not lane.task.cancelled():
                lane.task.result()
        for partition in range(self.partitions):
            row = await self.row(partition)
            if row is None:
                return False
            _, ends = await self.coordinator.bounds(partition)
            if row.next_offsets[0] < ends[0]:
                return False
            if row.next_offsets[1:] < ends[1:] and await self._has_unread_commands(row):
                return False
            published = await self.coordinator.committed(partition)
            if published is None or published.batch_seq != row.batch_seq:
                return False
        return True

    async def _has_unread_commands(self, row: PartitionRow) -> bool:
        """Not only the markers of transactions stand behind D."""
        from tests.failure.rig_reading import read

        records = await read(self, [self.inputs[1]], row.partition)
        return any(record.offset >= row.next_offsets[1] for record in records)
