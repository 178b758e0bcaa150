"""PostgreSQL away: the lane stays in the group, says what is wrong, and goes on when it is back."""

from urllib.parse import urlsplit

import asyncpg
import pytest

from app.runtime.embedded.stack import EmbeddedStack
from tests.failure.rig import Rig, until
from tests.failure.rig_reading import proven


async def end_sessions(rig: Rig) -> None:
    await rig.database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


async def connections_allowed(stack: EmbeddedStack, rig: Rig, is_allowed: bool) -> None:
    name = urlsplit(rig.database_url).path.removeprefix("/")
    connection = await asyncpg.connect(stack.database_url)
    try:
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {is_allowed}")
    finally:
        await connection.close()


@pytest.mark.parametrize("is_idle", [True, False], ids=["idle", "under traffic"])
async def test_an_outage_is_told_survived_and_loses_nothing(
    rig: Rig, stack: EmbeddedStack, is_idle: bool
) -> None:
    lane = rig.lane()
    await lane.owns(0, 1)
    assert lane.lane.health().ready
    generation = lane.generation
    await connections_allowed(stack, rig, False)
    try:
        await end_sessions(rig)
        if not is_idle:
            await rig.send_journeys(4)
        await until(lambda: "PostgreSQL" in str(lane.lane.health().reasons))
        await until(lambda: lane.ended("unavailable") >= 2)
        for _ in range(20):
            assert not lane.lane.health().ready
        assert lane.generation == generation
    finally:
        await connections_allowed(stack, rig, True)
    await rig.send_journeys(4, first=4)
    await rig.settled()
    assert lane.lane.health().ready
    assert lane.generation == generation
    assert await proven(rig) > 4


async def test_sessions_that_end_under_a_takeover_lead_to_another(rig: Rig) -> None:
    first = rig.lane()
    await first.owns(0, 1)
    first.may_publish.clear()
    await rig.send_journeys(4)
    await rig.all_applied()
    await first.kill()
    second = rig.lane()
    second.may_publish.clear()  # it stands in the republish of partition 0
    await until(lambda: _is_taken(rig))
    await end_sessions(rig)
    await until(lambda: second.ended("unavailable") >= 1)
    second.may_publish.set()
    await rig.settled()
    assert await proven(rig) > 4


async def _is_taken(rig: Rig) -> bool:
    return (await rig.known_row(0)).epoch == 2
