"""Two owners at once: the one that was left behind writes nothing and fences nobody."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from app.errors import Unclean
from tests.failure.rig import Rig, Running, until
from tests.failure.rig_reading import proven


def hold_fetched(lane: Running) -> tuple[asyncio.Event, asyncio.Event]:
    """Stop a lane between fetching and deciding: (something is held, go on)."""
    held, go_on = asyncio.Event(), asyncio.Event()
    fetch: Callable[..., Awaitable[Any]] = lane.source.fetch

    async def slow(max_records: int, timeout_seconds: float) -> Any:
        fetched = await fetch(max_records, timeout_seconds)
        if fetched and not go_on.is_set():
            held.set()
            await go_on.wait()
        return fetched

    lane.source.fetch = slow  # type: ignore[method-assign]
    return held, go_on


async def test_a_zombie_that_wakes_before_its_apply_matches_no_row(rig: Rig) -> None:
    zombie = rig.lane()
    held, go_on = hold_fetched(zombie)  # before its first fetch: one that waits is not held
    await zombie.owns(0, 1)
    await rig.send_journeys(4)
    await held.wait()
    successor = rig.lane(membership=f"other-{rig.unique}")
    await successor.owns(0, 1)
    await rig.settled()
    row = await rig.known_row(0)
    # What it still holds is what its successor has already applied.
    go_on.set()
    await until(lambda: zombie.ended("fenced") + zombie.ended("unavailable") >= 1)
    await zombie.kill()
    assert (await rig.known_row(0)).batch_seq >= row.batch_seq
    await until(lambda: successor.owned == [0, 1])
    await rig.send_journeys(4, first=4)
    await rig.settled()
    assert await proven(rig) > 8


async def test_a_zombie_that_wakes_before_its_publish_is_fenced(rig: Rig) -> None:
    zombie = rig.lane()
    await zombie.owns(0, 1)
    zombie.may_publish.clear()
    await rig.send_journeys(4)
    await rig.all_applied()
    successor = rig.lane(membership=f"other-{rig.unique}")
    await rig.settled()  # with what the zombie applied
    zombie.may_publish.set()
    await until(lambda: zombie.ended("unclean") + zombie.ended("unavailable") >= 1)
    await zombie.kill()
    await until(lambda: successor.owned == [0, 1])
    await rig.send_journeys(4, first=2)
    await rig.settled()
    assert await proven(rig) > 8


async def test_a_process_that_was_stopped_asks_the_group_before_it_takes_anything(
    rig: Rig,
) -> None:
    """As after SIGSTOP: its own idea of what is assigned is worth nothing."""
    lane = rig.lane()
    await lane.owns(0, 1)
    generation = lane.generation
    lane.lane._stall._stalled = True
    lane.holdings._fail(Unclean("a test"))
    await until(lambda: lane.ended("unclean") == 1)
    await lane.owns(0, 1)
    assert lane.generation > generation
    assert not lane.lane._stall.was_stalled()


async def test_a_stopped_process_fences_nobody(rig: Rig) -> None:
    lane = rig.lane()
    await lane.owns(0, 1)
    successor = rig.lane(membership=f"other-{rig.unique}")
    await successor.owns(0, 1)
    owner = (await rig.known_row(0)).owner
    lane.lane._stall._stalled = True
    lane.source.rejoin = lambda: None  # type: ignore[method-assign]
    lane.source._assigned = frozenset()  # what the group says is not known yet
    await rig.send_journeys(2)
    await until(lambda: lane.ended("fenced") + lane.ended("unavailable") >= 1)
    await rig.settled()
    assert (await rig.known_row(0)).owner == owner
    assert await proven(rig) > 2
