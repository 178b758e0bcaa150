"""The engine's connections, when the server lets go of them."""

import asyncio

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.storage.engine import driver_of, reads_of


async def test_a_connection_that_the_server_closed_is_not_used_again(
    other: asyncpg.Connection, reads: AsyncEngine
) -> None:
    held = [reads.connect() for _ in range(3)]
    drivers = [await driver_of(await each.start()) for each in held]
    for each in held:
        await each.close()
    for driver in drivers:
        is_closed = asyncio.Event()
        driver.add_termination_listener(lambda _, is_closed=is_closed: is_closed.set())
        await other.execute("SELECT pg_terminate_backend($1)", driver.get_server_pid())
        async with asyncio.timeout(10):
            await is_closed.wait()
    for _ in range(2):
        async with reads_of(reads).connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
            assert (await driver_of(connection)) not in drivers


async def test_single_reads_open_no_transaction(reads: AsyncEngine) -> None:
    async with reads_of(reads).connect() as connection:
        await connection.execute(text("SELECT 1"))
        assert not (await driver_of(connection)).is_in_transaction()
    async with reads.connect() as connection:
        await connection.execute(text("SELECT 1"))
        assert (await driver_of(connection)).is_in_transaction()
