"""A partition that stopped for too many dead letters waits for a person, and then goes on."""

from app.failpoints import Failpoint
from app.storage import halts
from app.storage.halts import HaltReason
from tests.failure.conftest import Arm
from tests.failure.rig import Rig, Running, until
from tests.failure.rig_reading import proven

MANY = {"stop_after_consecutive": 3}


async def halted(rig: Rig, partition: int = 0) -> Running:
    lane = rig.lane(dead_letters=MANY)
    await lane.owns(0, 1)
    await stop_it(rig, lane, partition)
    return lane


async def stop_it(rig: Rig, lane: Running, partition: int = 0) -> None:
    for _ in range(3):
        await rig.send_raw(b"garbage", partition)
    await rig.flush()
    await until(lambda: lane.owned == [1 - partition])
    await rig.applied(partition, 3)


async def resume(rig: Rig, partition: int = 0) -> None:
    await until(lambda: _is_there(rig, partition))
    await rig.database.execute("DELETE FROM lane_halt WHERE partition = $1", partition)


async def _is_there(rig: Rig, partition: int) -> bool:
    found = await rig.database.fetchval(
        "SELECT count(*) FROM lane_halt WHERE partition = $1", partition
    )
    return bool(found)


async def test_it_is_written_with_the_batch_that_was_too_much(rig: Rig) -> None:
    lane = await halted(rig)
    row = await rig.database.fetchrow("SELECT * FROM lane_halt")
    assert row is not None
    assert (row["lane"], row["partition"], row["until_resumed"]) == (rig.lane_name, 0, True)
    assert row["reason"] == HaltReason.DEAD_LETTERS
    assert "3 dead letters in a row" in row["message"]
    assert f"`funnel lane resume {rig.lane_name} 0`" in row["message"]
    assert lane.lane.health().reasons == [row["message"]]
    assert lane.counted("partitions_halted", lane=rig.lane_name) == 1


async def test_resumed_it_goes_on_in_the_same_process_where_it_stopped(rig: Rig) -> None:
    lane = await halted(rig)
    contact = rig.contact_on(0)
    for step in range(4):
        await rig.send(contact, step)
    epoch = (await rig.known_row(0)).epoch
    await resume(rig)
    await lane.owns(0, 1)
    await rig.settled()
    assert (await rig.known_row(0)).epoch == epoch + 1
    assert lane.lane.health().ready
    assert lane.counted("partitions_halted", lane=rig.lane_name) == 0
    assert lane.ended("unclean") == 0
    assert await proven(rig) >= 1


async def test_it_stops_again_only_after_as_many_again(rig: Rig) -> None:
    lane = await halted(rig)
    await resume(rig)
    await lane.owns(0, 1)
    for _ in range(2):
        await rig.send_raw(b"garbage", 0)
    await rig.settled()
    assert lane.owned == [0, 1]
    await rig.send_raw(b"garbage", 0)
    await rig.flush()
    await until(lambda: lane.owned == [1])


async def test_what_was_fetched_before_it_stopped_counts_once(rig: Rig) -> None:
    """Many records wait in this process when it stops, and are there again when it goes on."""
    lane = rig.lane(dead_letters=MANY, lane={"batch_max_interactions": 3})
    await lane.owns(0, 1)
    lane.may_publish.clear()
    for _ in range(3):
        await rig.send_raw(b"garbage", 0)
    for n in range(30):
        await rig.send(rig.contact_on(0, n % 5), n // 5 % 4)
    await rig.flush()
    await until(lambda: lane.owned == [1])
    await rig.applied(0, 3)
    await resume(rig)
    lane.may_publish.set()
    await lane.owns(0, 1)
    await rig.settled()
    assert lane.ended("unclean") == 0
    assert await rig.database.fetchval("SELECT count(*) FROM dead_letter") == 3
    assert await proven(rig) >= 5


async def test_it_stays_halted_in_a_new_process_whoever_that_is(rig: Rig) -> None:
    first = await halted(rig)
    await first.kill()
    lane = rig.lane(dead_letters=MANY)
    await until(lambda: lane.owned == [1] and not lane.lane.health().ready)
    assert "3 dead letters in a row" in lane.lane.health().reasons[0]
    contact = rig.contact_on(0)
    await rig.send(contact)
    await resume(rig)
    await lane.owns(0, 1)
    await rig.settled()
    assert await rig.database.fetchval("SELECT count(*) FROM contact") == 1


async def test_its_outbox_is_published_by_whoever_takes_it_over(rig: Rig) -> None:
    first = rig.lane(dead_letters=MANY)
    await first.owns(0, 1)
    first.may_publish.clear()
    await stop_it(rig, first)
    await first.kill()
    lane = rig.lane(dead_letters=MANY)
    await until(lambda: lane.owned == [1] and not lane.lane.health().ready)
    await rig.settled()
    assert (await rig.known_row(0)).batch_seq > 0


async def test_resumed_while_nobody_runs_it_simply_starts(rig: Rig) -> None:
    first = await halted(rig)
    await first.drain()
    await resume(rig)
    lane = rig.lane(dead_letters=MANY)
    await lane.owns(0, 1)


async def test_a_crash_before_the_apply_halts_it_after_the_next_too_many(
    rig: Rig, arm: Arm
) -> None:
    arm(Failpoint.APPLY_BEFORE_HALTS)
    for _ in range(3):
        await rig.send_raw(b"garbage", 0)
    await rig.flush()
    lane = rig.lane(dead_letters=MANY)  # one batch: they were there before
    await until(lambda: _is_there(rig, 0))
    await until(lambda: lane.ended("unclean") == 1)
    # A look that the crash interrupted may not know that it wrote it, and writes it again.
    await until(lambda: lane.lane._halts is not None and 0 in lane.lane._halts._seen)
    await resume(rig)
    await rig.applied(0, 3)
    await until(lambda: lane.owned == [1])
    assert await rig.database.fetchval("SELECT count(*) FROM dead_letter") == 3


async def test_any_other_fault_is_looked_at_anew_by_the_next_process(rig: Rig) -> None:
    first = rig.lane()
    await first.owns(0, 1)
    first.holdings.halt(0, "partition 0: a fault of this process")
    await until(lambda: _is_there(rig, 0))
    assert not await rig.database.fetchval("SELECT until_resumed FROM lane_halt")
    await first.kill()
    lane = rig.lane()
    await lane.owns(0, 1)
    await until(lambda: _is_clear(rig))
    assert lane.lane.health().ready


async def test_a_fault_is_tried_again_when_it_is_resumed(rig: Rig) -> None:
    lane = rig.lane()
    await lane.owns(0, 1)
    lane.holdings.halt(1, "partition 1: a fault of this process")
    await until(lambda: lane.owned == [0])
    await resume(rig, 1)
    await lane.owns(0, 1)


async def _is_clear(rig: Rig) -> bool:
    return not await halts.halted(rig.database, rig.lane_name)
