"""The compacted topic, lost and filled again from PostgreSQL, through the contacts' own lanes."""

import json
from typing import Any

from app.cli.republish import to_send
from app.cli.sending import sender
from app.domain.topics import Topic
from app.storage.contact_keys import keys_after
from tests.failure.rig import Rig
from tests.failure.rig_admin import recreate_topic
from tests.failure.rig_reading import header, proven, read


async def snapshots(rig: Rig) -> dict[str, dict[str, Any]]:
    """What a reader of the compacted topic has in the end; without the moment."""
    last: dict[str, dict[str, Any]] = {}
    for record in await read(rig, [rig.name(Topic.CONTACTS)]):
        last[record.key.decode()] = {
            **json.loads(record.value), "at": None, "id": header(record, "ce_id")
        }  # fmt: skip
    return {
        key: {name: each[name] for name in each if name != "as_of"} for key, each in last.items()
    }


async def ask(rig: Rig, *keys: str) -> None:
    async with sender(rig.settings.kafka) as to:
        for key in keys:
            await to_send(to, "default", key, "operator", topic=rig.name(Topic.COMMANDS))
        await to.confirm()


async def all_keys(rig: Rig) -> list[str]:
    return [
        key
        for partition in range(rig.partitions)
        for _, key in await keys_after(rig.database, partition, ("", ""), None, 100)
    ]


async def test_a_topic_that_was_made_again_is_filled_from_postgresql(rig: Rig) -> None:
    lane = rig.lane()
    await rig.send_journeys(8)
    await rig.settled()
    before = await snapshots(rig)
    await lane.drain()
    await recreate_topic(rig, rig.name(Topic.CONTACTS))
    assert await snapshots(rig) == {}
    second = rig.lane()
    await second.owns(0, 1)
    keys = await all_keys(rig)
    assert len(keys) == 8
    rows = await rig.database.fetch("SELECT contact_id, version, seq, log FROM contact ORDER BY 1")
    await ask(rig, *keys)
    await rig.settled()
    assert await snapshots(rig) == before
    again = await rig.database.fetch("SELECT contact_id, version, seq, log FROM contact ORDER BY 1")
    assert again == rows  # nothing else happened
    await rig.send_journeys(8, first=4)
    await rig.settled()
    assert await proven(rig) > 12


async def test_a_snapshot_between_interactions_is_in_the_contacts_order(rig: Rig) -> None:
    rig.lane()
    contact = rig.contact_on(1)
    for step in range(3):
        await rig.send(contact, step)
        await rig.settled()
        await ask(rig, contact)
        await rig.settled()
    seqs = [int(header(r, "ce_sequence")) for r in await read(rig, [rig.name(Topic.CONTACTS)])]
    assert seqs == sorted(seqs)
    assert len(seqs) == 6


async def test_of_a_contact_that_is_not_there_nothing_is_published(rig: Rig) -> None:
    rig.lane()
    await ask(rig, rig.contact_on(0))
    await rig.settled()
    assert await snapshots(rig) == {}
    assert await rig.database.fetchval("SELECT count(*) FROM contact") == 0
