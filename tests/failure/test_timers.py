"""Timers fire though nothing arrives, once whatever happens, and never before the backlog."""

import json
from collections import Counter
from typing import Any

import pytest

from app.bootstrap import now
from app.cli.timers import read_next, read_one
from app.domain.timestamps import format_rfc3339
from app.domain.topics import CONTACT_LANE, Topic
from app.failpoints import Failpoint
from app.handling.timers import DUE_MAX_CONTACTS
from app.storage import ownership
from tests.failure.conftest import Arm, Once
from tests.failure.rig import Rig, until
from tests.failure.rig_reading import header, read

SECOND = 1_000_000
DAY = 86_400 * SECOND
DORMANT_DAYS = 180


def before_dormant(ahead: int) -> str:
    """A time of which the timer lead_dormant is due so many microseconds from now."""
    return format_rfc3339(now() - DORMANT_DAYS * DAY + ahead)


async def stage(rig: Rig, contact: str) -> str | None:
    found: str | None = await rig.database.fetchval(
        "SELECT stage FROM contact WHERE contact_id = $1", contact
    )
    return found


async def told(rig: Rig, topic: Topic = Topic.STAGE_CHANGES) -> list[dict[str, Any]]:
    return [
        {"contact": record.key.decode(), "ce_id": header(record, "ce_id"),
         "batch": header(record, "funnel-batch"), **json.loads(record.value)}
        for record in await read(rig, [rig.name(topic)])
    ]  # fmt: skip


def moves(records: list[dict[str, Any]], contact: str) -> list[tuple[int, str, str, str]]:
    return [
        (each["seq"], each["from_stage"], each["to_stage"], each["cause"]["event_id"])
        for each in records
        if each["contact"] == contact
    ]


async def test_a_timer_fires_with_no_event_arriving(rig: Rig) -> None:
    lane = rig.lane()
    contact = rig.contact_on(1)
    event = await rig.send(contact, at=before_dormant(SECOND))
    await until(lambda: rig.database.fetchval("SELECT count(*) = 2 FROM stage_change"))
    await rig.settled()
    records = await told(rig)
    assert moves(records, contact) == [
        (1, "none", "lead", event),
        (2, "lead", "recycled", "timer:lead_dormant"),
    ]
    fired = records[1]
    assert fired["decided_at"] >= fired["effective_at"]
    assert await stage(rig, contact) == "recycled"
    row = await rig.known_row(1)
    assert row.batch_seq == 2
    assert row.next_offsets[0] == 1
    assert lane.counted("timers_late_seconds_count") == 1
    nurture = [
        each for each in await told(rig, Topic.SIGNALS) if each["cause"]["source"] == "/funnel"
    ]
    assert [each["track"] for each in nurture] == ["educate"]


async def test_a_timer_that_was_applied_and_not_published_is_published_once(rig: Rig) -> None:
    first = rig.lane()
    await first.owns(0, 1)
    contact = rig.contact_on(0)
    await rig.send(contact, at=before_dormant(3 * SECOND))
    await rig.settled()
    first.may_publish.clear()
    await until(lambda: rig.database.fetchval("SELECT count(*) = 2 FROM stage_change"))
    await first.kill()
    second = rig.lane()
    await rig.settled()
    assert second.counted("fences_total") >= 1
    for topic in (Topic.STAGE_CHANGES, Topic.SIGNALS, Topic.CONTACTS):
        records = await told(rig, topic)
        ids = [each["ce_id"] for each in records]
        assert len(ids) == len(set(ids)) > 0, topic
    assert [seq for seq, *_ in moves(await told(rig), contact)] == [1, 2]


@pytest.mark.parametrize(
    "point",
    [
        Failpoint.TIMERS_BEFORE_LOOK,
        Failpoint.TIMERS_BEFORE_DUE,
        Failpoint.APPLY_AFTER_COMMIT,
        Failpoint.PUBLISH_BEFORE_COMMIT,
    ],
)
async def test_a_fault_while_timers_fire_repeats_and_loses_nothing(
    rig: Rig, arm: Arm, armed: Once, point: Failpoint
) -> None:
    lane = rig.lane()
    await lane.owns(0, 1)
    contacts = [rig.contact_on(partition) for partition in (0, 1)]
    for contact in contacts:
        await rig.send(contact, at=before_dormant(3 * SECOND))
    await rig.settled()
    arm(point)
    await until(lambda: armed.fired)
    await until(lambda: lane.ended("unclean") == 1)
    await until(lambda: rig.database.fetchval("SELECT count(*) = 4 FROM stage_change"))
    await rig.settled()
    records = await told(rig)
    for contact in contacts:
        assert [to for _, _, to, _ in moves(records, contact)] == ["lead", "recycled"]


async def test_markers_behind_the_last_record_are_no_backlog(rig: Rig) -> None:
    """A forwarded record comes in a transaction, of which the marker is never read."""
    lane = rig.lane()
    await lane.owns(0, 1)
    contact = rig.contact_on(0)
    await rig.send(contact, partition=1, at=before_dormant(SECOND))
    await until(lambda: stage_is(rig, contact, "recycled"))
    _, ends = await rig.coordinator.bounds(0)
    assert (await rig.known_row(0)).next_offsets[1] < ends[1]


async def test_the_backlog_is_read_before_its_timers_fire(rig: Rig) -> None:
    """Down over the due: what arrived meanwhile, before it, counts."""
    first = rig.lane()
    await first.owns(0, 1)
    down = Down(rig)
    await down.arm()
    await first.drain()
    await down.over_the_due()
    rig.lane(lane={"batch_max_interactions": 2})
    await down.proven()


class Down:
    """Two contacts due at the same time while nobody works; one replies before, at the end of a
    backlog."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.due = now() + 4 * SECOND
        self.awake, self.idle = rig.contact_on(0), rig.contact_on(0, 1)

    async def arm(self) -> None:
        for contact in (self.awake, self.idle):
            await self.rig.send(contact, at=before_dormant(self.due - now()))
        await self.rig.settled()

    async def over_the_due(self) -> None:
        rig = self.rig
        for n in range(300):
            await rig.send(rig.contact_on(0, 2 + n % 20), 2)
        await rig.send(self.awake, 1)
        await rig.flush()
        assert now() < self.due, "the machine is too slow for this test"
        await until(lambda: now() > self.due)

    async def proven(self) -> None:
        await until(lambda: stage_is(self.rig, self.idle, "recycled"))
        await self.rig.settled()
        records = await told(self.rig)
        for contact, to in ((self.awake, "prospect"), (self.idle, "recycled")):
            assert [move[2] for move in moves(records, contact)] == ["lead", to]


async def stage_is(rig: Rig, contact: str, wanted: str) -> bool:
    return await stage(rig, contact) == wanted


async def test_many_due_at_once_drain_in_batches_beside_interactions(rig: Rig) -> None:
    """Each batch of due contacts is bounded, and interactions are handled between them."""
    lane = rig.lane()
    await lane.owns(0, 1)
    at = before_dormant(3 * SECOND)
    for n in range(1500):
        await rig.send(f"c{n}", at=at)
    await rig.all_applied()
    sent = 0
    while not await rig.database.fetchval(
        "SELECT count(*) = 1500 FROM contact WHERE stage = 'recycled'"
    ):
        await rig.send(f"busy{sent}", 2)
        await rig.flush()
        sent += 1
    await rig.settled()
    records = await told(rig)
    dormant = [each for each in records if each["cause"]["event_id"] == "timer:lead_dormant"]
    assert len(dormant) == len({each["contact"] for each in dormant}) == 1500
    sizes = Counter(each["batch"] for each in dormant)
    assert max(sizes.values()) <= DUE_MAX_CONTACTS
    handled = {each["batch"] for each in records if each["contact"].startswith("busy")}
    assert not handled & sizes.keys()
    first, last = min(map(number, sizes)), max(map(number, sizes))
    assert any(first < number(batch) < last for batch in handled)


def number(batch: str) -> int:
    return int(batch.rpartition("/")[2])


async def test_the_command_tells_what_is_due_next_and_all_of_one_contact(rig: Rig) -> None:
    await ownership.record_lane(rig.database, CONTACT_LANE, rig.partitions, rig.inputs, ["a", "b"])
    rig.lane()
    soon, later = rig.contact_on(0), rig.contact_on(1)
    due = now() + DAY
    await rig.send(later, at=before_dormant(DAY + 3600 * SECOND))
    await rig.send(soon, at=before_dormant(due - now()))
    await rig.settled()
    waiting = await read_next(rig.settings, None, 9, now())
    assert [each.contact_id for each in waiting] == [soon, later]
    assert [each.contact_id for each in await read_next(rig.settings, None, 1, now())] == [soon]
    assert await read_next(rig.settings, "acme", 9, now()) == []
    one = await read_one(rig.settings, "default", soon)
    assert one == waiting[0]
    (first, *_) = one.timers
    assert (first.name, first.effect) == ("lead_dormant", "recycled")
    assert abs(first.due - due) < SECOND
    assert one.check_at is not None
    assert one.check_at <= first.due
