"""Taking partitions over: what a row, a predecessor and the group's offsets lead to."""

import pytest
from aiokafka import TopicPartition

from app import bootstrap
from app.domain.topics import CONTACT_LANE
from app.errors import Halted
from app.failpoints import Failpoint
from app.inbound.consumer import LaneConsumer
from app.storage.connect import connect
from tests.failure.conftest import Arm, Once
from tests.failure.rig import Rig, until
from tests.failure.rig_admin import forget_offsets, recreate_topic, truncate
from tests.failure.rig_reading import proven, told


async def test_a_first_lane_makes_the_rows_and_commits_batch_0(rig: Rig) -> None:
    lane = rig.lane()
    await lane.owns(0, 1)
    for partition in range(rig.partitions):
        row = await rig.known_row(partition)
        assert (row.epoch, row.batch_seq, row.next_offsets) == (1, 0, (0, 0))
        committed = await rig.coordinator.committed(partition)
        assert committed is not None
        assert (committed.batch_seq, committed.offsets) == (0, (0, 0))


async def test_every_interaction_has_its_effects_once(rig: Rig) -> None:
    await rig.send_journeys(10)
    rig.lane()
    await rig.settled()
    assert await proven(rig) > 10


async def test_after_a_clean_release_k_comes_from_the_row_and_nobody_is_fenced(rig: Rig) -> None:
    first = rig.lane()
    await rig.send_journeys(4)
    await rig.settled()
    await first.drain()
    await forget_offsets(rig)  # so that only the row can tell
    second = rig.lane()
    await second.owns(0, 1)
    assert second.counted("fences_total") == 0
    await rig.send_journeys(4, first=4)
    await rig.settled()
    assert await proven(rig) > 8


async def test_a_killed_owner_is_fenced_and_k_comes_from_the_group(rig: Rig) -> None:
    first = rig.lane()
    await rig.send_journeys(4)
    await rig.settled()
    owner = (await rig.known_row(0)).owner
    await first.kill()
    assert (await rig.known_row(0)).owner == owner
    second = rig.lane()
    await second.owns(0, 1)
    assert second.counted("fences_total") == 1  # one id, however many rows name it
    row = await rig.known_row(0)
    assert row.published_seq == row.batch_seq
    assert await proven(rig) > 4


async def test_what_was_applied_and_not_published_is_published_by_the_next_owner(rig: Rig) -> None:
    first = rig.lane()
    await first.owns(0, 1)
    first.may_publish.clear()
    await rig.send_journeys(6)
    await rig.all_applied()
    assert await told(rig) == {}
    await first.kill()
    rig.lane()
    await rig.settled()
    assert await proven(rig) > 6


@pytest.mark.parametrize("is_outbox_empty", [True, False])
async def test_deleted_offsets_are_found_again_on_the_outputs(
    rig: Rig, is_outbox_empty: bool
) -> None:
    """The row alone would not do: it knows the K of its last apply, and more was published."""
    first = rig.lane()
    await rig.send_journeys(4)
    await rig.settled()
    row = await rig.known_row(0)
    assert row.published_seq < row.batch_seq
    first.may_publish.clear()
    if not is_outbox_empty:
        for step in range(2):
            await rig.send(rig.contact_on(1, 3), step)
            await rig.all_applied()
    await first.kill()
    await forget_offsets(rig)
    rig.lane()
    await rig.settled()
    assert await proven(rig) > 4


async def test_the_scan_ignores_headers_that_producers_wrote(rig: Rig) -> None:
    first = rig.lane()
    forged = [("funnel-batch", b"contacts/0/999")]
    await rig.send_raw(b"no event", 0, headers=forged)  # a dead letter keeps its headers
    await rig.send_journeys(2)
    await rig.settled()
    await first.kill()
    await forget_offsets(rig)
    second = rig.lane()
    await second.owns(0, 1)


async def test_a_gap_in_the_outbox_halts_the_partition_and_says_so(rig: Rig) -> None:
    first = rig.lane()
    await first.owns(0, 1)
    first.may_publish.clear()
    await rig.send(rig.contact_on(0), 0)
    await rig.applied(0, 1)
    await rig.send(rig.contact_on(0), 1)
    await rig.applied(0, 2)
    await first.kill()
    await rig.database.execute("DELETE FROM segment WHERE partition = 0 AND batch_seq = 1")
    second = rig.lane()
    await second.owns(1)
    await until(lambda: second.lane.health().reasons)
    (reason,) = second.lane.health().reasons
    assert "partition 0: the outbox should go on with batch 1" in reason
    assert await told(rig) == {}


async def test_a_database_that_knows_no_batch_of_what_is_published_halts(rig: Rig) -> None:
    """It stands somewhere, so the first records may be gone: it can't be filled again."""
    first = rig.lane()
    await rig.send_journeys(2)
    await rig.settled()
    await first.kill()
    await rig.database.execute("UPDATE lane_partition SET batch_seq = 0 WHERE partition = 1")
    second = rig.lane()
    await second.owns(0)
    await until(lambda: "the database knows none" in str(second.lane.health().reasons))


@pytest.mark.parametrize("lost", ["DELETE FROM {}", "UPDATE {} SET batch_seq = 1"])
async def test_a_row_behind_its_own_segments_is_no_restore_and_halts(rig: Rig, lost: str) -> None:
    """Nobody owns the row, so nobody is fenced and the row's own K looks fine."""
    first = rig.lane(lane={"batch_max_interactions": 1})
    await rig.send_journeys(8)
    await rig.settled()
    await first.drain()
    before = await told(rig)
    await rig.database.execute(lost.format("lane_partition"))
    second = rig.lane()
    await until(lambda: len(second.lane.health().reasons) == rig.partitions)
    assert "not of one moment" in str(second.lane.health().reasons)
    assert await told(rig) == before


async def test_a_contact_of_a_newer_release_halts_its_partition_only(rig: Rig) -> None:
    first = rig.lane()
    await rig.send_journeys(4, steps=1)
    await rig.settled()
    await first.drain()
    await rig.database.execute(
        "UPDATE contact SET state = '\\x99' || substr(state, 2) WHERE partition = 0"
    )
    second = rig.lane()
    await rig.send_journeys(4, steps=2)
    await until(lambda: "format" in str(second.lane.health().reasons))
    await second.owns(1)
    await rig.all_applied(1)
    assert second.lane.health().reasons[0].startswith("partition 0:")
    assert (await rig.known_row(0)).batch_seq == 1


async def test_a_predecessor_stopped_in_its_apply_holds_nobody_up(rig: Rig) -> None:
    """It still has the row locked: its session ends with it."""
    first = rig.lane()
    await first.owns(0, 1)
    await first.kill()
    owner = (await rig.known_row(0)).owner
    assert owner is not None
    zombie = await connect(rig.settings.database, application_name=owner)
    await zombie.execute("BEGIN; UPDATE lane_partition SET batch_seq = 9 WHERE partition = 0")
    second = rig.lane()
    await second.owns(0, 1)
    assert second.ended("unavailable") == 0
    await until(zombie.is_closed)
    assert (await rig.known_row(0)).batch_seq == 0


async def test_a_row_locked_by_somebody_else_is_waited_for_within_bounds(rig: Rig) -> None:
    first = rig.lane()
    await first.owns(0, 1)
    await first.drain()
    async with rig.database.transaction():
        await rig.database.execute("SELECT 1 FROM lane_partition FOR UPDATE")
        second = rig.lane()
        await until(lambda: second.ended("unavailable") == 1)
        assert "lock" in second.lane._trouble
    await second.owns(0, 1)


@pytest.mark.parametrize("skip", [0, 1, 2])
async def test_a_republish_that_breaks_off_goes_on_where_it_stopped(
    rig: Rig, arm: Arm, armed: Once, skip: int
) -> None:
    first = rig.lane(lane={"batch_max_interactions": 4})
    await first.owns(0, 1)
    first.may_publish.clear()
    await rig.send_journeys(8)
    await rig.all_applied()
    await first.kill()
    arm(Failpoint.TAKEOVER_BEFORE_REPUBLISH, skip=skip)
    rig.lane(lane={"publish_max_bytes": 2000})
    await until(lambda: armed.fired)
    await rig.settled()
    assert await proven(rig) > 8


async def test_an_outbox_of_a_newer_release_halts_and_says_so(rig: Rig) -> None:
    first = rig.lane()
    await first.owns(0, 1)
    first.may_publish.clear()
    await rig.send(rig.contact_on(0), 0)
    await rig.all_applied()
    await first.kill()
    await rig.database.execute("UPDATE segment SET outputs = '\\x99'")
    second = rig.lane()
    await second.owns(1)
    await until(lambda: "written by a newer release" in str(second.lane.health().reasons))


async def test_an_owner_that_finds_its_own_id_starts_anew(rig: Rig) -> None:
    lane = rig.lane()
    await lane.owns(0, 1)
    holdings = lane.holdings
    del holdings._owned[1]  # as after a release that was not finished in time
    holdings.assigned(frozenset({0, 1}))
    await until(lambda: lane.ended("unclean") == 1)
    await lane.owns(0, 1)
    assert lane.counted("fences_total") == 1


async def test_a_partition_i_released_and_nobody_moved_is_taken_by_its_row_alone(rig: Rig) -> None:
    lane = rig.lane()
    await rig.send_journeys(4)
    await rig.settled()
    epoch = (await rig.known_row(0)).epoch
    cached = len(lane.holdings._cache)
    assert cached > 0
    takeovers = lane.counted("takeovers_total")
    lane.source.rejoin()
    await until(lambda: lane.counted("rebalances_total") > 1)
    await lane.owns(0, 1)
    assert (await rig.known_row(0)).epoch == epoch + 1
    assert lane.counted("fences_total") == 0
    assert lane.counted("takeovers_total") == takeovers
    assert len(lane.holdings._cache) == cached
    await rig.send_journeys(4, first=2)
    await rig.settled()
    assert await proven(rig) > 8


async def test_a_truncated_source_halts_and_names_it(rig: Rig) -> None:
    first = rig.lane()
    await rig.send(rig.contact_on(0), 0)
    await rig.settled()
    await first.drain()
    for step in range(1, 4):
        await rig.send(rig.contact_on(0), step)
    await rig.flush()
    await truncate(rig, rig.inputs[0], 0, 3)
    second = rig.lane()
    await second.owns(1)
    await until(lambda: "truncated or recreated" in str(second.lane.health().reasons))
    assert rig.inputs[0] in str(second.lane.health().reasons)


async def test_a_source_truncated_under_a_running_lane_halts_its_partition_only(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = rig.lane()
    await rig.send(rig.contact_on(0), 0)
    await rig.settled()
    accept = lane.source.accept
    monkeypatch.setattr(
        lane.source,
        "accept",
        lambda p, offsets: accept(p, offsets if p else tuple(n + 50 for n in offsets)),
    )
    lane.source.rejoin()
    await until(lambda: "is gone from the broker" in str(lane.lane.health().reasons))
    await lane.owns(1)
    await rig.send(rig.contact_on(1), 0)
    await rig.all_applied(1)
    assert lane.lane.health().reasons[0].startswith("partition 0 of")


async def test_recreated_topics_halt(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "CONTACT_LANE_INPUTS", rig.inputs)
    monkeypatch.setattr(bootstrap, "INPUTS", {CONTACT_LANE: rig.inputs})
    monkeypatch.setattr(bootstrap, "OUTPUTS", rig.outputs)
    for of_accounts in ("ACCOUNT_LANE_INPUTS", "ACCOUNT_OUTPUTS"):
        monkeypatch.setattr(bootstrap, of_accounts, ())
    homes = await bootstrap._home_partitions(rig.settings)
    assert homes == {CONTACT_LANE: rig.partitions}
    await recreate_topic(rig, rig.inputs[0])
    with pytest.raises(Halted, match="was deleted and made again"):
        await bootstrap._home_partitions(rig.settings)


async def test_a_partition_is_taken_only_when_that_of_every_topic_is_assigned(rig: Rig) -> None:
    source = LaneConsumer(rig.settings.kafka, rig.inputs)
    first, second = ([TopicPartition(topic, p) for p in (0, 1)] for topic in rig.inputs)
    assert source._whole({*first, second[1]}) == {1}
    assert source._whole({*first}) == frozenset()


@pytest.mark.parametrize("stage", ["incarnation.", "takeover."])
async def test_a_fault_on_the_way_changes_nothing(
    rig: Rig, arm: Arm, armed: Once, stage: str
) -> None:
    """Every step of a takeover with a predecessor, an outbox and lost offsets fails once."""
    for point in [point for point in Failpoint if point.startswith(stage)]:
        first = rig.lane()
        await first.owns(0, 1)
        first.may_publish.clear()
        await rig.send_journeys(2, first=rig.sent)
        await rig.all_applied()
        await first.kill()
        await forget_offsets(rig)
        arm(point)
        second = rig.lane()
        await until(lambda: armed.fired[-1:] == [point])  # noqa: B023 - awaited here
        await rig.settled()
        assert second.ended("unclean") == 1, point
        await second.kill()
    assert await proven(rig) > 2
