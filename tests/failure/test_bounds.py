"""Whatever the sizes of batches, queues and cache: the same result."""

from typing import Any

import pytest

from app.bootstrap import now
from app.domain.calendar import DAY
from app.domain.timestamps import format_rfc3339
from app.domain.topics import Topic
from tests.failure.rig import JOURNEY, Rig, until
from tests.failure.rig_reading import proven, read, stored_contact

BEGAN = now() - 6 * DAY
"""So lately that no timer of a lead is due."""


def moment(n: int) -> str:
    return format_rfc3339(BEGAN + n * DAY // 24)


TINY: dict[str, dict[str, Any]] = {
    "cache": {"cache_max_bytes": 1},
    "batches": {"batch_max_interactions": 3, "queue_batches": 1},
    "cache and batches": {"cache_max_bytes": 1, "batch_max_interactions": 2},
    "outbox": {"outbox_max_batches": 1, "batch_max_interactions": 4, "publish_max_bytes": 1},
    "outbox bytes": {"outbox_max_bytes": 1, "batch_max_interactions": 4},
    "batch bytes": {"batch_max_bytes": 1},
}


@pytest.mark.parametrize("lane", TINY.values(), ids=TINY.keys())
async def test_tiny_bounds_give_the_same_result(rig: Rig, lane: dict[str, Any]) -> None:
    await rig.send_journeys(12)
    running = rig.lane(lane=lane)
    await rig.settled()
    await rig.send_journeys(6, first=6)  # some are known, some steps come again with other ids
    await rig.settled()
    assert running.ended("unclean") == 0  # the version check hides a contact forgotten too early
    assert await proven(rig) > 12


async def test_a_full_outbox_stops_the_intake_and_its_draining_starts_it_again(rig: Rig) -> None:
    lane = rig.lane(lane={"outbox_max_batches": 2, "batch_max_interactions": 2, "queue_batches": 1})
    await lane.owns(0, 1)
    lane.may_publish.clear()
    await rig.send_journeys(20)
    pipeline = lane.lane._current.pipeline  # type: ignore[union-attr]
    await until(lambda: len(pipeline._backlog) == 2 and not pipeline._decided.empty())
    applied = await rig.database.fetchval("SELECT count(*) FROM segment")
    lane.may_publish.set()
    await rig.settled()
    assert applied < 10
    assert await proven(rig) > 20


async def test_what_is_applied_waits_for_its_publishing_alone(rig: Rig) -> None:
    """As the metrics say that operators are alarmed by."""
    lane = rig.lane()
    await lane.owns(0, 1)
    lane.may_publish.clear()
    for step in range(len(JOURNEY)):  # an intent is among them
        await rig.send(rig.contact_on(0), step)
    await rig.flush()
    await rig.all_applied(0)
    await until(lambda: lane.counted("outbox_batches", lane=rig.lane_name) > 0)
    assert lane.counted("outbox_oldest_seconds", lane=rig.lane_name) > 0
    assert lane.counted("oldest_unapplied_intent_seconds") == 0
    lane.may_publish.set()
    await rig.settled()
    await until(lambda: lane.counted("outbox_batches", lane=rig.lane_name) == 0)
    assert lane.counted("outbox_oldest_seconds", lane=rig.lane_name) == 0


async def test_duplicates_inside_a_batch_and_between_batches_change_nothing(rig: Rig) -> None:
    contact = rig.contact_on(0)
    for _ in range(2):
        for step in range(3):
            for _ in range(2):
                await rig.send(contact, step, event_id=f"same-{step}", at=moment(24 * step))
    await rig.flush()
    lane = rig.lane(lane={"batch_max_interactions": 5})
    await rig.settled()
    assert lane.counted("interactions_handled_total", outcome="duplicate") == 9
    assert await proven(rig) >= 1
    assert len((await stored_contact(rig, contact)).timeline()) == 3


@pytest.mark.parametrize("cache_max_bytes", [1, 10_000_000], ids=["cold", "warm"])
async def test_sealed_evidence_answers_late_ones_and_duplicates(
    rig: Rig, cache_max_bytes: int
) -> None:
    """More steps than the row keeps, over several batches; then one before all of them, and a
    copy of one that was sealed long ago."""
    contact = rig.contact_on(1)
    lane = rig.lane(lane={"cache_max_bytes": cache_max_bytes, "batch_max_interactions": 25})
    for n in range(10, 80):
        await rig.send(contact, 1, event_id=f"n{n}", at=moment(n))
    await rig.settled()
    chunks = await rig.database.fetchval("SELECT count(*) FROM contact_log")
    assert chunks >= 1
    await rig.send(contact, 1, event_id="n12", at=moment(12))
    await rig.send(contact, 2, event_id="late", at=moment(11))
    await rig.send(contact, 1, event_id="n13", at=moment(13))
    await rig.settled()
    assert lane.counted("interactions_handled_total", outcome="duplicate") == 2
    assert lane.counted("interactions_handled_total", outcome="late") == 1
    assert await proven(rig) >= 1


async def test_evidence_whose_sealing_is_not_applied_yet_is_waited_for(rig: Rig) -> None:
    """Batches so small that the one which seals is still on its way when the next asks."""
    contact = rig.contact_on(0)
    for n in range(20, 110):
        await rig.send(contact, 1, event_id=f"n{n}", at=moment(n))
        if n > 50 and n % 4 == 0:
            await rig.send(contact, 1, event_id=f"late{n}", at=moment(n // 4))
            await rig.send(contact, 1, event_id="n21", at=moment(21))
    await rig.flush()
    lane = rig.lane(lane={"batch_max_interactions": 4})
    await rig.settled()
    assert lane.counted("interactions_handled_total", outcome="late") == 15
    assert lane.ended("unclean") == 0
    assert await proven(rig) >= 1
    assert await read(rig, [rig.name(Topic.DEAD_LETTERS)]) == []
