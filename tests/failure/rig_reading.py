"""What a test's lanes left behind, and the proof that every interaction had its effects once."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from app.domain.contact import Contact
from app.domain.decide import decide
from app.domain.interaction import Address, Interaction
from app.domain.rewriting import SNAPSHOT_REQUESTED
from app.domain.topics import CONTACT_LANE_INPUTS, Topic
from app.handling.records import SourceRecord
from app.storage import contacts as contact_rows

if TYPE_CHECKING:
    from tests.failure.rig import Rig


class Told(NamedTuple):
    """One record on funnel.stage-changes.v1."""

    seq: int
    transition_id: str


async def read(rig: "Rig", topics: Iterable[str], partition: int | None = None) -> list[Any]:
    """All committed records of topics, by partition and offset."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=rig.kafka["bootstrap_servers"],
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    try:
        chosen = range(rig.partitions) if partition is None else [partition]
        tps = [TopicPartition(topic, p) for topic in topics for p in chosen]
        consumer.assign(tps)
        ends = await _stable_ends(rig, consumer, tps)
        records: list[Any] = []
        behind = {tp for tp in tps if ends[tp] > 0}
        idle = 0
        while behind and idle < 10:
            got = await consumer.getmany(*behind, timeout_ms=100)
            idle = 0 if got else idle + 1
            records += [record for some in got.values() for record in some]
            behind = {tp for tp in behind if await consumer.position(tp) < ends[tp]}
    finally:
        await consumer.stop()
    return sorted(records, key=lambda r: (r.topic, r.partition, r.offset))


async def _stable_ends(
    rig: "Rig", consumer: AIOKafkaConsumer, tps: list[TopicPartition]
) -> dict[TopicPartition, int]:
    """The broker answers a commit before it has written the markers: wait for them, a little, for
    a transaction may stand open on purpose."""
    for _ in range(100):
        stable: dict[TopicPartition, int] = await consumer.end_offsets(tps)
        async with rig.coordinator._asking("ends") as reader:
            high = await reader.end_offsets(tps)
        if stable == high:
            break
        await asyncio.sleep(0.02)
    return stable


def header(record: Any, name: str) -> str:
    """The last header of this name: the one the lane wrote."""
    return str([value.decode() for key, value in record.headers if key == name][-1])


async def told(rig: "Rig") -> dict[str, list[Told]]:
    """Stage changes by contact, in the order in which readers see them."""
    return _told(await read(rig, [rig.name(Topic.STAGE_CHANGES)]))


def _told(records: Sequence[Any]) -> dict[str, list[Told]]:
    by_contact: dict[str, list[Told]] = defaultdict(list)
    for record in records:
        data = msgspec.json.decode(record.value)
        by_contact[record.key.decode()].append(Told(data["seq"], data["transition_id"]))
    return dict(by_contact)


async def expected(
    rig: "Rig", without: str | None = None
) -> tuple[dict[str, list[Told]], dict[str, Contact]]:
    """The same by the domain alone: the inputs folded record by record, nothing in between.
    `without`: the id of an interaction that must have had no effect."""
    return _folded(rig, await read(rig, rig.inputs), without)


def _folded(
    rig: "Rig", records: Sequence[Any], without: str | None = None
) -> tuple[dict[str, list[Told]], dict[str, Contact]]:
    contacts: dict[str, Contact] = {}
    by_contact: dict[str, list[Told]] = defaultdict(list)
    for record in records:
        interaction = rig.decode(_source(rig, record))
        if type(interaction) is not Interaction or interaction.id == without:
            continue
        if interaction.type == SNAPSHOT_REQUESTED:
            continue
        key = interaction.contact_id
        contact = contacts.setdefault(key, Contact.new(interaction.tenant, key))
        contact.load_sealed([])
        made = decide(contact, interaction, Address(1, 0), rig.rules, record.timestamp * 1000)
        by_contact[key] += [Told(change.seq, change.transition_id) for change in made.changes]
    return {key: changes for key, changes in by_contact.items() if changes}, contacts


async def proven(rig: "Rig") -> int:
    """Every interaction had its effects exactly once, in order, in both places. How many changes
    there were, so that no test passes on an empty topic by accident."""
    records: dict[str, list[Any]] = {topic: [] for topic in (*rig.inputs, *rig.outputs)}
    for record in await read(rig, records):
        records[record.topic].append(record)
    want, folded = _folded(rig, [record for topic in rig.inputs for record in records[topic]])
    assert _told(records[rig.name(Topic.STAGE_CHANGES)]) == want, "stage changes on the topic"
    assert await _history(rig) == want, "stage changes in PostgreSQL"
    _snapshots_fit(records[rig.name(Topic.CONTACTS)], folded)
    for topic in rig.outputs:
        told = records[topic]
        if topic in rig.inputs:  # people write commands, too
            told = [r for r in told if any(name == "funnel-batch" for name, _ in r.headers)]
        _batches_fit(told)
    rows = await rig.database.fetch("SELECT contact_id, stage, seq, partition FROM contact")
    stored = {row["contact_id"]: (row["stage"], row["seq"], row["partition"]) for row in rows}
    assert len(rows) == len(stored)
    assert stored == {
        key: (contact.stage, contact.seq, rig.home(key)) for key, contact in folded.items()
    }
    counted = await rig.database.fetch("SELECT partition, stage, n FROM counter WHERE n <> 0")
    by_stage: dict[tuple[int, str], int] = defaultdict(int)
    for key, contact in folded.items():
        if contact.stage != "none":
            by_stage[rig.home(key), contact.stage] += 1
    assert {(row["partition"], row["stage"]): row["n"] for row in counted} == by_stage
    return sum(map(len, want.values()))


async def _history(rig: "Rig") -> dict[str, list[Told]]:
    by_contact: dict[str, list[Told]] = defaultdict(list)
    for row in await rig.database.fetch(
        "SELECT contact_id, seq, transition_id FROM stage_change ORDER BY contact_id, seq"
    ):
        by_contact[row["contact_id"]].append(Told(row["seq"], row["transition_id"].hex))
    return dict(by_contact)


def _snapshots_fit(records: Sequence[Any], folded: dict[str, Contact]) -> None:
    """Each contact's snapshots grow in seq, and the last has the seq that holds."""
    last: dict[str, int] = {}
    ids: list[str] = []
    for record in records:
        seq, key = int(header(record, "ce_sequence")), record.key.decode()
        assert seq >= last.get(key, 0), f"snapshots of {key} out of order"
        last[key] = seq
        ids.append(header(record, "ce_id"))
    assert len(ids) == len(set(ids)), "a snapshot twice"
    assert last == {key: folded[key].seq for key in last}


def _batches_fit(records: Sequence[Any]) -> None:
    """On each topic a partition's batches stand in order."""
    last: dict[int, int] = {}
    for record in records:
        _, partition, batch_seq = header(record, "funnel-batch").split("/")
        assert int(batch_seq) >= last.get(int(partition), 0), f"{record.topic}: a batch again"
        last[int(partition)] = int(batch_seq)


async def stored_contact(rig: "Rig", contact: str) -> Contact:
    (row,) = await rig.database.fetch("SELECT * FROM contact WHERE contact_id = $1", contact)
    made = Contact.stored(
        row["tenant"], contact, row["version"], row["stage"], row["seq"], row["state"], row["log"]
    )
    made.load_sealed(
        await contact_rows.load_sealed(rig.database, row["partition"], row["tenant"], contact)
    )
    return made


def _source(rig: "Rig", record: Any) -> SourceRecord:
    topic = rig.inputs.index(record.topic)
    assert CONTACT_LANE_INPUTS[topic] in (Topic.INTERACTIONS, Topic.COMMANDS)
    headers: Sequence[tuple[str, bytes | None]] = record.headers
    return SourceRecord(
        topic, record.partition, record.offset, record.timestamp, record.key, record.value, headers
    )
