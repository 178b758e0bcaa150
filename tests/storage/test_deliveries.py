"""Deliveries in PostgreSQL: claimed by one, settled by that one, bounded, free of the erased."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.settings import Database
from app.storage import deliveries, delivery_upkeep
from app.storage.connect import connect
from app.storage.deliveries import Claim, DeliveryRow, Settled
from app.storage.delivery_upkeep import Keeping

KEEPING = Keeping(delivered_days=7, dead_days=30, pending_max_days=7)


async def subscribe(connection: asyncpg.Connection) -> UUID:
    webhook_id = uuid4()
    await connection.execute(
        "INSERT INTO webhook (id, tenant, url, description, types, filters, is_enabled, created_at,"
        " created_by, secret) VALUES ($1, 'default', 'u', '', '{}', '{}', true, now(), 'jo', 's')",
        webhook_id,
    )
    return webhook_id


async def record(
    connection: asyncpg.Connection, webhook_id: UUID, *events: str, subject: bytes = b"d"
) -> None:
    rows = [
        DeliveryRow(webhook_id, event, "t", "topic", 0, 1, 1_000, subject, [subject], b"{}")
        for event in events
    ]
    await deliveries.record(connection, rows)


async def claim(connection: asyncpg.Connection, limit: int = 10, **busy: int) -> list[Claim]:
    found = {UUID(hex=name): count for name, count in busy.items()}
    return await deliveries.claim(connection, limit, per_webhook=3, busy=found, lease_seconds=60)


@pytest.fixture
async def mine(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(database, application_name="one")
    yield connection
    connection.terminate()


async def count(connection: asyncpg.Connection, where: str = "true") -> int:
    found: int = await connection.fetchval(f"SELECT count(*) FROM delivery WHERE {where}")
    return found


async def test_what_is_recorded_twice_is_there_once(mine: asyncpg.Connection) -> None:
    webhook_id = await subscribe(mine)
    await record(mine, webhook_id, "a", "b")
    await record(mine, webhook_id, "b", "c")
    assert await count(mine) == 3


async def test_a_claim_is_for_one_until_its_lease_ends(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    webhook_id = await subscribe(mine)
    await record(mine, webhook_id, "a")
    (first,) = await claim(mine)
    assert await claim(other) == []
    await mine.execute("UPDATE delivery SET due_at = now()")
    (second,) = await claim(other)
    assert (first.attempts, second.attempts) == (1, 2)
    await deliveries.settle(mine, [Settled(first, "status", 500)])
    assert await count(mine, "state = 'pending'") == 1  # it was late: the claim is another's
    await deliveries.settle(other, [Settled(second, None, 200)])
    assert await count(mine, "state = 'delivered' AND body IS NULL") == 1


async def test_two_that_claim_at_once_get_different_ones(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    webhook_id = await subscribe(mine)
    for n in range(3):
        await record(mine, webhook_id, f"event {n}", subject=b"%d" % n)
    async with mine.transaction():
        found = await claim(mine, 2)
        rest = await claim(other)
    assert len(found) == 2
    assert {each.event_id for each in found + rest} == {"event 0", "event 1", "event 2"}


async def test_a_contacts_second_event_waits_for_the_first_ones_attempt(
    mine: asyncpg.Connection,
) -> None:
    webhook_id = await subscribe(mine)
    await record(mine, webhook_id, "first", "second")
    (first,) = await claim(mine)
    assert first.event_id == "first"
    assert await claim(mine) == []
    await deliveries.settle(mine, [Settled(first, "status", 500, retry_seconds=600.0)])
    (second,) = await claim(mine)
    assert second.event_id == "second"


async def test_no_more_than_its_share_is_claimed_and_of_a_failing_one_a_single_one(
    mine: asyncpg.Connection,
) -> None:
    webhook_id = await subscribe(mine)
    for n in range(9):
        await record(mine, webhook_id, f"event {n}", subject=b"%d" % n)
    assert await claim(mine, **{webhook_id.hex: 3}) == []
    found = await claim(mine, **{webhook_id.hex: 1})
    assert len(found) == 2
    failed = [Settled(each, "timeout", retry_seconds=600.0) for each in found]
    await deliveries.settle(mine, failed)
    assert await mine.fetchval("SELECT failing_since IS NOT NULL FROM webhook")
    assert len(await claim(mine)) == 1


async def test_of_a_disabled_deleted_or_paused_one_nothing_is_claimed(
    mine: asyncpg.Connection,
) -> None:
    webhook_id = await subscribe(mine)
    await record(mine, webhook_id, "a")
    for change, back in (
        ("is_enabled = false", "is_enabled = true"),
        ("deleted_at = now()", "deleted_at = NULL"),
        ("paused_until = now() + interval '1 h'", "paused_until = now()"),
    ):
        await mine.execute(f"UPDATE webhook SET {change}")
        assert await claim(mine) == []
        await mine.execute(f"UPDATE webhook SET {back}")
    assert len(await claim(mine)) == 1


async def test_upkeep_lets_go_what_is_old_and_what_is_deleted(mine: asyncpg.Connection) -> None:
    kept, gone = await subscribe(mine), await subscribe(mine)
    await record(mine, kept, "new", "old", "waits", "dead", "long dead")
    await record(mine, gone, "x")
    for event, days, state in (
        ("old", 8, "delivered"),
        ("dead", 29, "dead"),
        ("long dead", 31, "dead"),
    ):
        await mine.execute(
            "UPDATE delivery SET state = $2, done_at = now() - make_interval(days => $3)"
            " WHERE event_id = $1",
            event, state, days,
        )  # fmt: skip
    await mine.execute(
        "UPDATE delivery SET due_at = now() - interval '8 d' WHERE event_id = 'waits'"
    )
    await mine.execute(
        "UPDATE webhook SET deleted_at = now() - interval '2 min' WHERE id = $1", gone
    )
    assert not await delivery_upkeep.keep(mine, KEEPING)
    left = await mine.fetch("SELECT event_id, state, failure, body FROM delivery ORDER BY id")
    assert [tuple(row) for row in left] == [
        ("new", "pending", None, b"{}"),
        ("waits", "dead", "expired", None),
        ("dead", "dead", None, b"{}"),
    ]
    assert await mine.fetchval("SELECT count(*) FROM webhook") == 1


async def test_a_backlog_beyond_its_bound_disables_and_keeps_what_waits(
    mine: asyncpg.Connection,
) -> None:
    webhook_id = await subscribe(mine)
    await record(mine, webhook_id, "a", "b", "c")
    assert await delivery_upkeep.bound_backlogs(mine, 3) == 3
    assert await mine.fetchval("SELECT is_enabled FROM webhook")
    assert await delivery_upkeep.bound_backlogs(mine, 2) == 3
    assert await mine.fetchval("SELECT disabled_reason FROM webhook") == "backlog"
    assert await count(mine, "state = 'pending'") == 3


async def test_what_waits_of_an_erased_contact_is_blanked_but_not_what_the_erasure_said(
    mine: asyncpg.Connection,
) -> None:
    webhook_id = await subscribe(mine)
    await record(mine, webhook_id, "hers", "farewell", subject=b"ada")
    await record(mine, webhook_id, "his", subject=b"bob")
    decided = await mine.fetchval(
        "INSERT INTO erased (digest, erased_at) VALUES ('ada', now()) RETURNING erased_at"
    )
    await mine.execute("UPDATE delivery SET decided_at = $1 WHERE event_id = 'farewell'", decided)
    await delivery_upkeep.keep(mine, KEEPING)
    pending = await mine.fetch("SELECT event_id FROM delivery WHERE state = 'pending' ORDER BY id")
    assert [row[0] for row in pending] == ["farewell", "his"]
    blank = "failure = 'erased' AND body IS NULL AND subject_digest IS NULL"
    assert await count(mine, f"{blank} AND contact_digests IS NULL") == 1


async def test_an_erasure_passes_by_what_is_just_being_claimed(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    """The lane must not wait for a receiver's process."""
    webhook_id = await subscribe(mine)
    await record(mine, webhook_id, "a", subject=b"ada")
    async with mine.transaction():
        await claim(mine)
        await delivery_upkeep.blank_contact(other, b"ada")
    assert await count(mine, "state = 'pending'") == 1
    await delivery_upkeep.blank_contact(other, b"ada")
    assert await count(mine, "state = 'dead'") == 1
