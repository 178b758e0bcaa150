"""Taking partitions over: what a row, a predecessor and the group's offsets lead to."""

from tests.failure.rig import Rig
from tests.failure.rig_reading import proven


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
