"""Halted partitions in PostgreSQL: written with a batch or alone, seen and cleared by anybody."""

import asyncpg

from app.storage import halts
from app.storage.halts import HaltReason, HaltRow
from tests.storage.batches import LANE, NOW, applied, batch

MANY = HaltRow(0, HaltReason.DEAD_LETTERS, "1000 dead letters in a row", NOW)


async def test_a_halt_is_written_with_its_batch(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    await applied(mine, batch(halts=[MANY]))
    assert await halts.of_partition(other, LANE, 0) == MANY
    assert await halts.of_partition(other, LANE, 1) is None
    assert await halts.halted(other, LANE) == {0}
    assert await halts.halted(other, "another") == set()


async def test_only_too_many_dead_letters_wait_for_a_person(other: asyncpg.Connection) -> None:
    fault = HaltRow(1, HaltReason.FAULT, "a topic was recreated", NOW)
    await halts.record(other, LANE, MANY)
    await halts.record(other, LANE, fault)
    rows = await other.fetch("SELECT until_resumed FROM lane_halt ORDER BY partition")
    assert [row[0] for row in rows] == [True, False]


async def test_a_halt_is_cleared_once(other: asyncpg.Connection) -> None:
    await halts.record(other, LANE, MANY)
    assert await halts.clear(other, LANE, 0)
    assert not await halts.clear(other, LANE, 0)
