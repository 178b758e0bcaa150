"""Input records as the checker understands them: home, identity, effective time, first copies."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from aiokafka.partitioner import murmur2

from tests.failure.catalogue import instant_of
from tests.failure.past import Event

INTERACTIONS: Final = "funnel.interactions.v1"
COMMANDS: Final = "funnel.commands.v1"
EXPECTED: Final = "expected-reason"
"""Header that the traffic puts on a poison record: the dead letter reason it must get."""
FORWARDED: Final = "funnel-forwarded"
NO_INTERACTION: Final = "snapshot.requested"
"""A command that changes nothing."""

Coordinates = tuple[str, int, int]
ContactKey = tuple[str, str]


class Record(NamedTuple):
    """One record as read from Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def at(self) -> Coordinates:
        return self.topic, self.partition, self.offset

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name]
        return found[-1].decode() if found else None


class Earlier(NamedTuple):
    """Where a lane stood when it got more partitions."""

    partitions: int
    offsets: dict[tuple[str, int], int]
    """D of each topic partition."""
    batches: dict[int, int]
    """D of each lane partition; new ones begin above all of them."""

    def partitions_of(self, record: Record, now: int) -> int:
        """By how many an input record was placed when it was read."""
        is_old = record.offset < self.offsets.get((record.topic, record.partition), 0)
        return self.partitions if is_old else now

    def first_batch(self, partition: int) -> int:
        return 1 if partition in self.batches else max(self.batches.values()) + 1


class Inputs(NamedTuple):
    """What the input topics say must happen."""

    events: dict[ContactKey, list[Event]]
    """First copies of every valid interaction."""
    at_home: set[Coordinates]
    """Where valid interactions stand that a lane folds: duplicates and forwarded copies too."""
    poison: dict[Coordinates, str]
    off_home: set[Coordinates]
    forwarded: list[Coordinates]
    """Origins, one for each forwarded copy."""
    duplicates: int
    ambiguous: list[str]
    """Copies that differ and stand in two topics: which of them came first can't be told."""


def routing_key(tenant: str, contact_id: str) -> str:
    if tenant == "default" and "/" not in contact_id:
        return contact_id
    return f"{tenant}/{contact_id}"


def home_of(tenant: str, contact_id: str, partitions: int) -> int:
    hashed: int = murmur2(routing_key(tenant, contact_id).encode())
    return (hashed & 0x7FFFFFFF) % partitions


def read_inputs(
    records: Iterable[Record], partitions: int, earlier: Earlier | None = None
) -> Inputs:
    """Sort the records of both input topics into what they must lead to."""
    inputs = Inputs({}, set(), {}, set(), [], 0, [])
    first: dict[tuple[str, str, str, str], tuple[str, Event]] = {}
    duplicates = 0
    for record in sorted(records):
        origin = _origin(record)
        if origin is not None:
            inputs.forwarded.append(origin[0])
        reason = record.header(EXPECTED)
        if reason is not None:
            if origin is None:
                inputs.poison[record.at] = reason
            continue
        event = event_of(record, record.timestamp_ms if origin is None else origin[1])
        if event.type == NO_INTERACTION:
            continue
        homes = partitions if earlier is None else earlier.partitions_of(record, partitions)
        home = home_of(event.tenant, event.contact_id, homes)
        if origin is None and home != record.partition:
            inputs.off_home.add(record.at)
            continue
        inputs.at_home.add(record.at)
        identity = event.tenant, event.contact_id, event.source, event.id
        if identity not in first:
            first[identity] = record.topic, event
            inputs.events.setdefault((event.tenant, event.contact_id), []).append(event)
            continue
        duplicates += 1
        topic, other = first[identity]
        if topic != record.topic and other != event:
            inputs.ambiguous.append(f"{identity} on both input topics with different content")
    return inputs._replace(duplicates=duplicates)


def _origin(record: Record) -> tuple[Coordinates, int] | None:
    text = record.header(FORWARDED)
    if text is None or record.topic != COMMANDS:
        return None
    topic, partition, offset, timestamp = text.rsplit(":", 3)
    return (topic, int(partition), int(offset)), int(timestamp)


def event_of(record: Record, timestamp_ms: int) -> Event:
    """A valid record as the oracle's event; its time is cut, defaulted and clamped."""
    attributes, data = _attributes(record.headers, record.value or b"")
    broker_time = timestamp_ms * 1000
    stated = attributes.get("time")
    return Event(
        tenant=attributes.get("tenantid", "default"),
        contact_id=attributes["subject"],
        source=attributes["source"],
        id=attributes["id"],
        type=attributes["type"],
        time=broker_time if stated is None else min(instant_of(stated), broker_time),
        data=data,
        automated=attributes.get("automated") in (True, "true"),
    )


def _attributes(
    headers: Sequence[tuple[str, bytes]], value: bytes
) -> tuple[dict[str, Any], dict[str, Any]]:
    binary = {name[3:]: text.decode() for name, text in headers if name.startswith("ce_")}
    body = json.loads(value)
    if "specversion" in binary:
        return binary, body
    return body, body["data"]
