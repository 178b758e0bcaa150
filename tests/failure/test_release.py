"""Handing partitions over: on a rebalance, on shutdown, and when it can't be done in time."""

import asyncio
import random

import pytest

from app.errors import Unclean
from app.failpoints import Failpoint
from app.handling.lag import Lag
from tests.failure.conftest import Arm, Once
from tests.failure.rig import Rig, until
from tests.failure.rig_reading import proven


async def test_a_shutdown_releases_with_k(rig: Rig) -> None:
    lane = rig.lane()
    await rig.send_journeys(4)
    await rig.flush()
    await rig.all_applied()
    await lane.drain()
    for partition in range(rig.partitions):
        row = await rig.known_row(partition)
        assert row.owner is None
        assert row.published_seq == row.batch_seq > 0
        assert row.published_offsets == row.next_offsets
        committed = await rig.coordinator.committed(partition)
        assert committed is not None
        assert (committed.batch_seq, committed.offsets) == (row.batch_seq, row.next_offsets)
    assert await proven(rig) > 4


async def test_a_second_lane_gets_its_share_and_nothing_is_fenced_or_repeated(rig: Rig) -> None:
    first = rig.lane()
    await first.owns(0, 1)
    traffic = asyncio.create_task(keep_sending(rig, 60))
    second = rig.lane()
    await until(lambda: first.owned and second.owned)
    assert sorted(first.owned + second.owned) == [0, 1]
    await traffic
    await rig.settled()
    for lane in (first, second):
        assert lane.counted("fences_total") == 0
        assert lane.ended("fenced") + lane.ended("unclean") == 0
    assert await proven(rig) > 60


async def test_a_graceful_restart_of_both_lanes_under_traffic_loses_nothing(rig: Rig) -> None:
    lanes = [rig.lane(), rig.lane()]
    await until(lambda: all(lane.owned for lane in lanes))
    traffic = asyncio.create_task(keep_sending(rig, 80))
    for lane in lanes:
        fresh = rig.lane()
        await until(lambda: fresh.lane._current is not None)  # noqa: B023 - awaited here
        await lane.drain()
    await traffic
    await rig.settled()
    for lane in rig.lanes:
        assert lane.counted("fences_total") == 0
    assert await proven(rig) > 80


async def test_a_partition_that_comes_back_is_read_anew(rig: Rig) -> None:
    """Its contacts changed elsewhere: what was remembered of them is dropped, not tried."""
    first = rig.lane()
    await rig.send_journeys(12, steps=1)
    await rig.settled()
    second = rig.lane()
    await until(lambda: first.owned and second.owned)
    await rig.send_journeys(12, steps=2)
    await rig.settled()
    await second.drain()
    await first.owns(0, 1)
    await rig.send_journeys(12)
    await rig.settled()
    assert first.ended("unclean") + first.ended("fenced") == 0
    assert await proven(rig) > 12


async def test_rebalances_one_after_the_other_under_traffic_change_nothing(rig: Rig) -> None:
    lanes = [rig.lane(lane={"batch_max_interactions": 10}) for _ in range(2)]
    await until(lambda: all(lane.owned for lane in lanes))
    traffic = asyncio.create_task(keep_sending(rig, 100))
    chance = random.Random(7)
    for n in range(12):
        lanes[n % 2].source.rejoin()
        if n == 6:
            await lanes[0].drain()
            lanes[0] = rig.lane()
            await until(lambda: lanes[0].lane._current is not None)
        await asyncio.sleep(chance.choice([0, 0.02, 0.1]))  # in every phase of the one before
    await traffic
    await rig.settled()
    for lane in rig.lanes:
        assert lane.ended("unclean") + lane.ended("fenced") == 0
        assert lane.counted("fences_total") == 0
    assert await proven(rig) > 100


async def keep_sending(rig: Rig, contacts: int) -> None:
    """A trickle that lasts through a rebalance."""
    for start in range(0, contacts, 4):
        await rig.send_journeys(4, first=start)
        await asyncio.sleep(0.01)


async def test_a_release_that_is_not_finished_in_time_leaves_the_row(rig: Rig) -> None:
    lane = rig.lane(lane={"release_timeout_seconds": 0.2})
    await lane.owns(0, 1)
    owner = (await rig.known_row(0)).owner
    lane.may_publish.clear()
    await rig.send_journeys(4)
    await rig.all_applied()
    await lane.drain()
    assert (await rig.known_row(0)).owner == owner
    successor = rig.lane()
    await rig.settled()
    assert successor.counted("fences_total") == 1
    assert await proven(rig) > 4


async def test_a_partition_that_comes_back_after_an_unfinished_release_means_a_new_start(
    rig: Rig,
) -> None:
    lane = rig.lane(lane={"release_timeout_seconds": 0.2})
    await lane.owns(0, 1)
    lane.may_publish.clear()
    await rig.send_journeys(4)
    await rig.all_applied()
    lane.source.rejoin()
    await until(lambda: lane.ended("unclean") == 1)
    lane.may_publish.set()
    await rig.settled()
    assert await proven(rig) > 4


async def test_batches_in_the_queue_are_finished_before_a_release(rig: Rig) -> None:
    lane = rig.lane(lane={"batch_max_interactions": 2, "queue_batches": 1})
    await lane.owns(0, 1)
    lane.may_publish.clear()
    await rig.send_journeys(20)
    await until(lambda: rig.database.fetchval("SELECT count(*) > 3 FROM segment"))
    lane.source.rejoin()
    await until(lambda: lane.counted("rebalances_total") == 2)
    lane.may_publish.set()
    await rig.settled()
    assert lane.ended("unclean") + lane.ended("fenced") == 0
    assert await proven(rig) > 20


@pytest.mark.parametrize("point", [Failpoint.RELEASE_BEFORE_DRAIN, Failpoint.RELEASE_BEFORE_ROW])
async def test_a_fault_in_a_release_ends_the_incarnation(
    rig: Rig, arm: Arm, armed: Once, point: Failpoint
) -> None:
    lane = rig.lane()
    await rig.send_journeys(2)
    await rig.settled()
    arm(point)
    lane.source.rejoin()
    await until(lambda: armed.fired)
    await until(lambda: lane.ended("unclean") == 1)
    await rig.send_journeys(2, first=2)
    await rig.settled()
    assert await proven(rig) > 4


async def test_a_bug_in_a_release_ends_the_lane(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    lane = rig.lane()
    await lane.owns(0, 1)

    async def buggy(partition: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(lane.holdings, "_release_one", buggy)
    lane.source.rejoin()
    with pytest.raises(ZeroDivisionError):
        await lane.task


async def test_a_stage_that_does_not_hear_that_it_is_cancelled_does_not_keep_the_lane(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library may keep a cancellation to itself: once, so that the next one is heard."""
    ignored = 0

    async def measure(*_: object) -> None:
        nonlocal ignored
        while True:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                ignored += 1
                if ignored % 2 == 0:
                    raise

    monkeypatch.setattr(Lag, "measure", measure)
    lane = rig.lane()
    await lane.owns(0, 1)
    lane.holdings._fail(Unclean("a test"))
    await until(lambda: lane.ended("unclean") == 1)
    await lane.owns(0, 1)
    await lane.drain()
    assert ignored == 4


async def test_a_revocation_does_not_wait_for_an_incarnation_that_has_ended(rig: Rig) -> None:
    lane = rig.lane(lane={"release_timeout_seconds": 30})
    await lane.owns(0, 1)
    lane.may_publish.clear()
    await rig.send_journeys(2)
    await rig.all_applied()
    waiting = asyncio.create_task(lane.holdings.revoked(frozenset({0, 1})))
    await asyncio.sleep(0)
    await rig.database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
        (await rig.known_row(0)).owner,
    )
    async with asyncio.timeout(5):
        await waiting
    lane.may_publish.set()
    await rig.settled()
    assert await proven(rig) > 2


async def test_a_drain_takes_nothing_back_when_the_group_assigns_meanwhile(rig: Rig) -> None:
    lane = rig.lane()
    await lane.owns(0, 1)
    holdings = lane.holdings
    await holdings.release_all()
    holdings.assigned(frozenset({0, 1}))
    await lane.drain()
    assert [(await rig.known_row(p)).owner for p in (0, 1)] == [None, None]


async def test_nothing_is_assigned_from_a_revocation_to_the_next_assignment(rig: Rig) -> None:
    lane = rig.lane()
    await lane.owns(0, 1)
    seen: list[frozenset[int]] = []
    revoked = lane.lane.revoked

    async def spy(partitions: frozenset[int]) -> None:
        seen.append(lane.source.assigned())
        await revoked(partitions)

    lane.lane.revoked = spy  # type: ignore[method-assign]
    lane.source._running._coordinator.request_rejoin()
    await until(lambda: seen)
    await lane.owns(0, 1)
    assert seen == [frozenset()]


async def test_an_incarnation_that_starts_in_a_rebalance_gets_records(rig: Rig) -> None:
    """It must not take what was assigned before: the assignment to come would hold it for ever."""
    lane = rig.lane()
    await lane.owns(0, 1)
    revoked = lane.lane.revoked
    reborn = asyncio.Event()

    async def slow(partitions: frozenset[int]) -> None:
        await rig.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
            (await rig.known_row(0)).owner,
        )
        await until(lambda: lane.ended("unavailable") >= 1)
        await until(lambda: lane.lane._current is not None and lane.lane._current.is_up)
        await asyncio.sleep(0.3)  # time for a takeover that must not happen
        reborn.set()
        await revoked(partitions)

    lane.lane.revoked = slow  # type: ignore[method-assign]
    lane.source._running._coordinator.request_rejoin()
    await reborn.wait()
    lane.lane.revoked = revoked  # type: ignore[method-assign]
    await rig.send_journeys(2)
    await rig.settled()
    assert await proven(rig) > 2
