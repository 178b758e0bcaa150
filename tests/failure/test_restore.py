"""A database restored to an earlier point: it catches up, and nobody is told anything twice."""

from collections.abc import AsyncIterator

import pytest

from app.bootstrap import now
from app.domain.timestamps import format_rfc3339
from app.domain.topics import Topic
from app.failpoints import Failpoint
from app.handling import catching_up
from tests.failure.conftest import Arm, Once
from tests.failure.rig import JOURNEY, Rig, until
from tests.failure.rig_admin import forget_offsets
from tests.failure.rig_reading import _history as history
from tests.failure.rig_reading import header, proven, read, told
from tests.failure.rig_restore import Backup
from tests.failure.test_timers import SECOND, before_dormant, moves
from tests.failure.test_timers import told as told_all

ONE = {"batch_max_interactions": 1}


@pytest.fixture
async def backup(rig: Rig) -> AsyncIterator[Backup]:
    made = Backup(rig)
    yield made
    await made.drop()


async def worked(rig: Rig, backup: Backup, is_drained: bool = True, **lane: object) -> None:
    """Some of the journeys before the backup, the rest after it, all of it published."""
    first = rig.lane()
    await rig.send_journeys(6, steps=2)
    await rig.settled()
    await (first.drain() if is_drained else first.kill())
    await backup.take()
    second = rig.lane(**lane)  # type: ignore[arg-type]
    for step in range(2, len(JOURNEY)):
        for n in range(6):
            await rig.send(f"c{n}", step)
    await rig.send_journeys(6, first=6)
    await rig.settled()
    await (second.drain() if is_drained else second.kill())


async def no_id_twice(rig: Rig) -> None:
    for topic in rig.outputs:
        ids = [header(r, "ce_id") for r in await read(rig, [topic]) if r.value and _has_id(r)]
        assert len(ids) == len(set(ids)), topic


def _has_id(record: object) -> bool:
    return any(name == "ce_id" for name, _ in record.headers)  # type: ignore[attr-defined]


@pytest.mark.parametrize("is_drained", [True, False])
@pytest.mark.parametrize(("before", "after"), [({}, ONE), (ONE, {})])
async def test_what_was_published_is_decided_again_and_not_told_again(
    rig: Rig, backup: Backup, is_drained: bool, before: dict[str, int], after: dict[str, int]
) -> None:
    """In more batches than the first time, and in fewer."""
    await worked(rig, backup, is_drained, lane=before)
    known = await told(rig)
    await backup.restore()
    assert await rig.database.fetchval("SELECT count(*) FROM contact") == 6
    third = rig.lane(lane=after)
    await third.owns(0, 1)
    assert await told(rig) == known
    await rig.settled()
    assert await proven(rig) > 24
    await rig.send_journeys(8, first=8)
    await rig.settled()
    assert await proven(rig) > 32
    await no_id_twice(rig)
    assert await rig.database.fetchval("SELECT count(*) FROM catch_up WHERE ended_at IS NULL") == 0


async def test_nothing_is_told_while_it_catches_up_and_readiness_says_so(
    rig: Rig, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worked(rig, backup)
    known = await told(rig)
    await backup.restore()
    second = rig.lane()
    monkeypatch.setattr(second.source, "past", lambda: NeverEnding())
    await until(lambda: "decide again" in str(second.lane.health().reasons))
    assert second.owned == []
    assert await told(rig) == known
    committed = await rig.coordinator.committed(0)
    assert committed is not None
    row = await rig.known_row(0)
    assert (row.batch_seq, row.published_seq) < (committed.batch_seq, committed.batch_seq + 1)
    await second.drain()  # it lets go of what it has not finished
    assert (await rig.known_row(0)).owner is None
    rig.lane()
    await rig.settled()
    assert await proven(rig) > 24


class NeverEnding:
    """A past of which nothing arrives."""

    async def start(self, partition: int, offsets: object) -> None: ...

    async def fetch(self, max_records: int, timeout_seconds: float) -> list[object]:
        import asyncio

        await asyncio.sleep(0.05)
        return []

    def passed(self, offsets: tuple[int, ...]) -> list[bool]:
        return [False for _ in offsets]

    async def stop(self) -> None: ...


OTHER_POINTS = (
    *(point for point in Failpoint if point.startswith("catch_up.") and "reached" not in point),
    Failpoint.APPLY_BEFORE_COMMIT,
    Failpoint.PUBLISH_BEFORE_COMMIT,
    Failpoint.PUBLISH_AFTER_COMMIT,
    Failpoint.TAKEOVER_BEFORE_SCAN,
)


@pytest.mark.parametrize(
    "point",
    [
        Failpoint.CATCH_UP_BEFORE_REACHED,
        Failpoint.APPLY_AFTER_COMMIT,
        *(pytest.param(point, marks=pytest.mark.thorough) for point in OTHER_POINTS),
    ],
)
async def test_a_fault_on_the_way_repeats_and_loses_nothing(
    rig: Rig, backup: Backup, arm: Arm, armed: Once, point: Failpoint
) -> None:
    await worked(rig, backup)
    await backup.restore()
    arm(point, skip=1)
    lane = rig.lane(lane={"batch_max_interactions": 3})
    await until(lambda: armed.fired)
    await until(lambda: lane.ended("unclean") == 1)
    await rig.settled()
    await rig.send_journeys(3, first=20)
    await rig.settled()
    assert await proven(rig) > 24
    await no_id_twice(rig)


async def test_timers_that_fired_before_the_restore_are_not_told_again(
    rig: Rig, backup: Backup
) -> None:
    """Whether more records came after them or not; and one that was still to come fires."""
    first = rig.lane()
    contacts = [rig.contact_on(0, n) for n in range(3)]
    await rig.send(contacts[0], at=before_dormant(SECOND // 2))
    await until(lambda: rig.database.fetchval("SELECT count(*) = 2 FROM stage_change"))
    await rig.settled()
    await first.drain()
    await backup.take()
    second = rig.lane()
    for contact in contacts[1:]:
        await rig.send(contact, at=before_dormant(SECOND // 2))
    await until(lambda: rig.database.fetchval("SELECT count(*) = 6 FROM stage_change"))
    await rig.settled()
    late = rig.contact_on(0, 4)
    await rig.send(late, at=before_dormant(6 * SECOND))
    await rig.settled()
    await second.kill()
    await backup.restore()
    rig.lane()
    await until(lambda: rig.database.fetchval("SELECT count(*) = 8 FROM stage_change"))
    await rig.settled()
    records = await told_all(rig)
    for contact in (*contacts, late):
        assert [cause for *_, cause in moves(records, contact)][1:] == ["timer:lead_dormant"]
        assert [seq for seq, *_ in moves(records, contact)] == [1, 2]
    await no_id_twice(rig)
    assert {r["contact"] for r in await told_all(rig, Topic.CONTACTS)} == {*contacts, late}


def minutes_ago(minutes: int) -> str:
    return format_rfc3339(now() - minutes * 60 * SECOND)


async def test_a_history_that_two_topics_gave_otherwise_is_kept_as_it_was_told(
    rig: Rig, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order between topics is kept nowhere: here the second time it is the other one."""
    contacts = [rig.contact_on(0, n) for n in range(3)]
    first = rig.lane()
    await rig.send(contacts[0], 0, at=minutes_ago(50))
    await rig.settled()
    await first.drain()
    await backup.take()
    second = rig.lane()
    for step, minutes, topic in (
        (1, 20, Topic.INTERACTIONS),
        (0, 40, Topic.COMMANDS),  # late: what was decided is taken back and told anew
        (2, 10, Topic.INTERACTIONS),
    ):
        for contact in contacts:
            await rig.send(contact, step, at=minutes_ago(minutes), topic=topic)
        await rig.settled()
    await second.drain()
    known = await told(rig)
    await backup.restore()
    monkeypatch.setattr(
        catching_up,
        "_ready",
        lambda waiting, passed: (
            [waiting[t].pop(0) for t in (1, 0) for _ in range(len(waiting[t]))]
            if all(passed)
            else []
        ),
    )
    rig.lane()
    await rig.settled()
    assert await told(rig) == known
    assert await history(rig) == known
    for contact in contacts:
        await rig.send(contact, 3)
        await rig.send(contact, 1, at=minutes_ago(30))
    await rig.settled()
    after = await told(rig)
    assert await history(rig) == after
    assert all(after[key][: len(known[key])] == known[key] for key in known)
    assert all([each.seq for each in list_] == list(range(1, len(list_) + 1))
               for list_ in after.values())  # fmt: skip
    await no_id_twice(rig)


async def test_without_the_groups_offsets_it_halts_and_says_what_is_missing(
    rig: Rig, backup: Backup
) -> None:
    await worked(rig, backup, is_drained=False)
    known = await told(rig)
    await backup.restore()
    await rig.database.execute("UPDATE lane_partition SET owner = 'somebody'")
    await forget_offsets(rig)
    lane = rig.lane()
    await until(lambda: len(lane.lane.health().reasons) == rig.partitions)
    assert "group's offsets" in str(lane.lane.health().reasons)
    assert await told(rig) == known


async def test_an_empty_database_beside_an_old_kafka_is_filled_from_its_first_record(
    rig: Rig,
) -> None:
    first = rig.lane()
    await rig.send_journeys(6)
    await rig.settled()
    await first.drain()
    known = await told(rig)
    for table in ("contact", "stage_change", "counter", "segment", "lane_partition"):
        await rig.database.execute(f"TRUNCATE {table}")
    rig.lane()
    await rig.settled()
    assert await told(rig) == known
    assert await proven(rig) > 6
