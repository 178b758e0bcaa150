"""Between apply and publish: whatever fails, stored bytes are published once, with the same ids."""

from datetime import date

import pytest

from app.domain.topics import Topic
from app.errors import Fenced
from app.failpoints import Failpoint
from app.handling.records import OutputRecord
from app.storage import apply
from app.storage.connect import connect
from app.storage.rows import ApplyBatch, PartitionMove, SegmentRow
from app.storage.segments import unpack
from tests.failure.conftest import Arm, Once
from tests.failure.rig import Rig, until
from tests.failure.rig_reading import header, proven, read

RARE = (
    Failpoint.APPLY_BEFORE_ROLLBACK,
    Failpoint.APPLY_BEFORE_SEALED,
    Failpoint.APPLY_BEFORE_REVOCATIONS,
    Failpoint.APPLY_BEFORE_ACCOUNTS,
    Failpoint.APPLY_BEFORE_ERASURE,
    Failpoint.APPLY_BEFORE_MODELS,
    Failpoint.APPLY_BEFORE_RESULTS,
    Failpoint.APPLY_BEFORE_HALTS,
)
"""Those that a batch of new contacts with a dead letter does not pass."""


@pytest.mark.parametrize("stage", ["load.before_contacts", "apply.", "publish."])
async def test_a_fault_in_the_middle_of_work_repeats_and_loses_nothing(
    rig: Rig, arm: Arm, armed: Once, stage: str
) -> None:
    """Every step fails once, each in work of its own."""
    points = [point for point in Failpoint if point.startswith(stage) and point not in RARE]
    lane = rig.lane()
    await lane.owns(0, 1)
    for done, point in enumerate(points):
        arm(point)
        await rig.send_raw(b"garbage", 0)
        await rig.send_journeys(2, first=rig.sent)
        await until(lambda: armed.fired[-1:] == [point])  # noqa: B023 - awaited here
        await until(lambda: lane.ended("unclean") == done + 1)  # noqa: B023 - awaited here
        await rig.settled()
    assert await proven(rig) > 2
    dead = await read(rig, [rig.name(Topic.DEAD_LETTERS)])
    assert len(dead) == len(points)
    assert await rig.database.fetchval("SELECT count(*) FROM dead_letter") == len(points)


async def test_republished_records_are_the_stored_bytes(rig: Rig) -> None:
    first = rig.lane()
    await first.owns(0, 1)
    first.may_publish.clear()
    await rig.send(rig.contact_on(1), 0)
    await rig.all_applied()
    (stored,) = await rig.database.fetch("SELECT * FROM segment WHERE partition = 1")
    await first.kill()
    rig.lane()
    await rig.settled()
    # what an account is told is no CloudEvent
    want = {
        (rig.name(record.topic), record.key, record.value, header_of(record.headers))
        for record in unpack(stored["outputs"], OutputRecord)
        if record.topic != Topic.ACCOUNT_INPUTS
    }
    got = {
        (record.topic, record.key, record.value, header(record, "ce_id").encode())
        for record in await read(rig, rig.outputs)
        if record.topic != rig.name(Topic.ACCOUNT_INPUTS)
    }
    assert got == want
    assert len(got) > 1


def header_of(headers: object) -> bytes | None:
    return dict(headers)["ce_id"]  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    "stale",
    [{"epoch": 0}, {"expected_seq": 5}, {"expected_offsets": (5, 0)}],
    ids=["epoch", "batch_seq", "offsets"],
)
async def test_a_stale_apply_writes_nothing(rig: Rig, stale: dict[str, object]) -> None:
    lane = rig.lane()
    await lane.owns(0, 1)
    row = await rig.known_row(0)
    right = {
        "partition": 0, "epoch": row.epoch, "expected_seq": 0, "expected_offsets": (0, 0),
        "batch_seq": 1, "next_offsets": (1, 0), "as_of": 1, "published_seq": 0,
        "published_offsets": (0, 0),
    }  # fmt: skip
    connection = await connect(rig.settings.database, application_name="stale")
    await apply.prepare(connection)
    moves = [PartitionMove(**{**right, **stale})]  # type: ignore[arg-type]
    segment = SegmentRow(date(2026, 1, 1), 0, 1, (1, 0), 1, 0, b"", b"")
    batch = ApplyBatch("contacts", moves, [], [], [], [], [segment], [])
    try:
        with pytest.raises(Fenced):
            await apply.apply(
                connection, batch, transaction_timeout_seconds=5, idle_timeout_seconds=3
            )
    finally:
        connection.terminate()
    assert await rig.known_row(0) == row
    assert await rig.database.fetchval("SELECT count(*) FROM segment") == 0


@pytest.mark.parametrize(
    "change",
    ["epoch = epoch + 1", "batch_seq = batch_seq + 7", "next_offsets = '{9,9}'"],
    ids=["epoch", "batch_seq", "offsets"],
)
async def test_a_row_moved_under_a_lane_fences_it(rig: Rig, change: str) -> None:
    """It drops everything and takes over; the row is then put right, as its new owner found it."""
    lane = rig.lane()
    await rig.send_journeys(2, steps=1)
    await rig.settled()
    before = await rig.known_row(0)
    await rig.database.execute(f"UPDATE lane_partition SET {change} WHERE partition = 0")
    await rig.send(rig.contact_on(0), 1)
    await rig.flush()
    await until(lambda: lane.ended("fenced") >= 1)
    await rig.database.execute(
        "UPDATE lane_partition SET batch_seq = $1, next_offsets = $2 WHERE partition = 0",
        before.batch_seq,
        before.next_offsets,
    )
    await lane.kill()
    rig.lane()
    await rig.settled()
    assert await proven(rig) >= 2


async def test_more_than_one_kafka_transaction_republishes_in_order(rig: Rig) -> None:
    tiny = {"publish_max_bytes": 2000, "batch_max_interactions": 3}
    first = rig.lane(lane=tiny)
    await first.owns(0, 1)
    first.may_publish.clear()
    await rig.send_journeys(8)
    await rig.all_applied()
    await first.kill()
    rig.lane(lane=tiny)
    await rig.settled()
    assert await proven(rig) > 8


async def test_a_batch_whose_outputs_exceed_one_kafka_batch_is_published_whole(rig: Rig) -> None:
    big = b"{" + b"x" * 55_000
    for _ in range(60):  # 3.3 MB of dead letters of one partition
        await rig.send_raw(big, 1)
    await rig.flush()
    rig.lane()
    await rig.settled()
    dead = await read(rig, [rig.name(Topic.DEAD_LETTERS)])
    assert [int(header(record, "__dlq.errors.offset")) for record in dead] == list(range(60))


async def test_an_off_home_record_is_forwarded_once_also_through_a_crash(rig: Rig) -> None:
    contact = rig.contact_on(0)
    first = rig.lane()
    await first.owns(0, 1)
    first.may_publish.clear()
    for step in range(3):
        await rig.send(contact, step, partition=1)
    await rig.applied(1, 3)
    await first.kill()
    rig.lane()
    await rig.settled()
    forwarded = await read(rig, [rig.inputs[1]])
    assert [header(record, "funnel-forwarded").rpartition(":")[0] for record in forwarded] == [
        f"{Topic.INTERACTIONS}:1:{n}" for n in range(3)
    ]
    assert await proven(rig) > 1
