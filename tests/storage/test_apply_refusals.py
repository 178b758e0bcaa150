"""When an apply fails: with which error, and that nothing of it stays."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from app.errors import Fenced, Poison, RowRejected, Unavailable, Unclean
from app.failpoints import Failpoint
from app.settings import Database
from app.storage import apply, apply_together, connect, fence, ownership
from app.storage.rows import ApplyBatch, CounterDelta
from tests.storage.batches import (
    LANE,
    NOTHING,
    applied,
    batch,
    change,
    contact,
    counts,
    dead_letter,
    move,
    own,
    segment,
)


def full(seq: int = 1, **parts: Any) -> ApplyBatch:
    """A batch that writes to every table."""
    usual: dict[str, Any] = {
        "contacts": [contact()],
        "history": [change(1)],
        "dead_letters": [dead_letter()],
        "segments": [segment(seq)],
        "counters": [CounterDelta(0, "default", "lead", 1)],
    }
    return batch(seq, **{**usual, **parts})


async def nothing_happened(connection: asyncpg.Connection) -> bool:
    row = await ownership.read_partition(connection, LANE, 0)
    assert row is not None
    return await counts(connection) == NOTHING and row.batch_seq == 0


@pytest.mark.parametrize(
    "different",
    [
        pytest.param({"epoch": 2}, id="epoch"),
        pytest.param({"expected_seq": 1}, id="batch_seq"),
        pytest.param({"expected_offsets": (0, 1)}, id="offsets"),
        pytest.param({"expected_offsets": (0,)}, id="number of topics"),
        pytest.param({"partition": 5}, id="no such partition"),
    ],
)
async def test_each_difference_alone_fences(
    mine: asyncpg.Connection, different: dict[str, Any]
) -> None:
    with pytest.raises(Fenced, match=f"partition {different.get('partition', 0)} "):
        await applied(mine, full(moves=[move(1, **different)]))
    assert await nothing_happened(mine)


async def test_one_fenced_partition_stops_the_whole_batch(mine: asyncpg.Connection) -> None:
    await own(mine, 1)
    with pytest.raises(Fenced, match="partition 1 is at epoch 1") as refused:
        await applied(mine, full(moves=[move(1), move(1, partition=1, epoch=7)]))
    assert "partition 0" not in str(refused.value)
    assert await nothing_happened(mine)


async def test_a_batch_applied_twice_is_fenced_the_second_time(mine: asyncpg.Connection) -> None:
    await applied(mine, batch(1))
    with pytest.raises(Fenced):
        await applied(mine, batch(1))


async def test_a_fenced_connection_can_be_used_again(mine: asyncpg.Connection) -> None:
    with pytest.raises(Fenced):
        await applied(mine, batch(moves=[move(1, epoch=2)]))
    await applied(mine, full(1))
    assert not mine.is_in_transaction()


async def test_a_successor_fences_an_apply_that_waits_for_its_lock(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    taking = other.transaction()
    await taking.start()
    await other.execute("UPDATE lane_partition SET epoch = epoch + 1, owner = 'other'")
    late = asyncio.create_task(applied(mine, full(1)))
    await blocked(other, "incarnation-1")
    await taking.commit()
    with pytest.raises(Fenced, match="owner other"):
        await late
    assert await nothing_happened(other)


async def blocked(connection: asyncpg.Connection, application: str) -> None:
    """Until a session of `application` waits for a lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
        " AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(5):
        # PostgreSQL tells nobody when a lock is waited for
        while not await connection.fetchval(waiting, application):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(("there", "expected"), [(0, 1), (1, 0), (1, 2), (2, 1)])
async def test_another_version_of_a_contact_is_unclean(
    mine: asyncpg.Connection, other: asyncpg.Connection, there: int, expected: int
) -> None:
    before = [batch(seq + 1, contacts=[contact(version=seq)]) for seq in range(there)]
    await applied(mine, *before)
    with pytest.raises(Unclean, match="another version"):
        await applied(mine, batch(there + 1, contacts=[contact(version=expected)]))
    row = await ownership.read_partition(other, LANE, 0)
    assert row is not None
    assert row.batch_seq == there


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"contacts": [contact("nul\x00")]}, id="contact with a NUL"),
        pytest.param({"contacts": [contact("\ud800")]}, id="contact with half a character"),
        pytest.param({"contacts": [contact(seq=2**31)]}, id="number out of range"),
        pytest.param({"history": [change(1, "nul\x00")]}, id="history with a NUL"),
        pytest.param({"history": [change(1, cycle=2**31)]}, id="history out of range"),
        pytest.param({"dead_letters": [dead_letter(message="nul\x00")]}, id="dead letter"),
        pytest.param({"counters": [CounterDelta(0, "nul\x00", "lead", 1)]}, id="counter"),
    ],
)
async def test_a_row_postgresql_refuses_is_poison_and_leaves_nothing(
    mine: asyncpg.Connection, parts: dict[str, Any]
) -> None:
    with pytest.raises(RowRejected) as refused:
        await applied(mine, full(**parts))
    assert isinstance(refused.value, Poison)
    assert refused.value.reason == "storage_rejected"
    assert await nothing_happened(mine)
    await applied(mine, full(1))  # the connection is clean


async def test_an_error_text_quotes_no_key(mine: asyncpg.Connection) -> None:
    with pytest.raises(RowRejected) as refused:
        await applied(mine, full(contacts=[contact("jane@example.com\x00")]))
    assert "jane" not in str(refused.value)


async def test_history_that_is_there_already_is_unclean(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    await applied(mine, batch(1, history=[change(1, "jane@example.com")]))
    with pytest.raises(Unclean) as refused:
        await applied(mine, full(2, history=[change(1, "jane@example.com")]))
    assert "jane" not in str(refused.value)
    assert (await counts(other))["contact"] == 0


async def test_the_transaction_carries_its_time_outs(
    mine: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, ...]] = []
    write = apply._write_rare

    async def look(connection: asyncpg.Connection, made: ApplyBatch) -> None:
        names = ("transaction_timeout", "idle_in_transaction_session_timeout")
        seen.append(tuple([await connection.fetchval(f"SHOW {name}") for name in names]))
        await write(connection, made)

    monkeypatch.setattr(apply, "_write_rare", look)
    await applied(mine, batch(1))
    assert seen == [("5s", "3s")]
    assert await mine.fetchval("SHOW transaction_timeout") == "0"


async def test_the_server_ends_an_apply_that_takes_too_long(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    async with other.transaction():
        await other.execute("SELECT * FROM lane_partition FOR UPDATE")
        with pytest.raises(Unavailable):
            await apply.apply(
                mine, full(), transaction_timeout_seconds=0.05, idle_timeout_seconds=3
            )
    assert await nothing_happened(other)


def before(monkeypatch: pytest.MonkeyPatch, point: Failpoint, act: Callable[[], None]) -> None:
    """Act when the apply passes `point`."""

    def hit(passed: Failpoint) -> None:
        if passed is point:
            act()

    monkeypatch.setattr(apply, "hit", hit)
    monkeypatch.setattr(apply_together, "hit", hit)
    monkeypatch.setattr(fence, "hit", hit)


POINTS = (
    Failpoint.APPLY_BEFORE_BEGIN,
    Failpoint.APPLY_AFTER_FENCE,
    Failpoint.APPLY_BEFORE_CONTACTS,
    Failpoint.APPLY_BEFORE_MERGE,
    Failpoint.APPLY_BEFORE_HISTORY,
    Failpoint.APPLY_BEFORE_DEAD_LETTERS,
    Failpoint.APPLY_BEFORE_COMMIT,
)


@pytest.mark.parametrize("point", POINTS)
async def test_a_failure_at_any_step_leaves_nothing(
    mine: asyncpg.Connection,
    other: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    point: Failpoint,
) -> None:
    def fail() -> None:
        raise asyncio.CancelledError

    before(monkeypatch, point, fail)
    with pytest.raises(asyncio.CancelledError):
        await applied(mine, full())
    assert mine.is_closed()
    assert await nothing_happened(other)


async def test_a_failure_while_rolling_back_closes_the_connection(
    mine: asyncpg.Connection, other: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise asyncio.CancelledError

    before(monkeypatch, Failpoint.APPLY_BEFORE_ROLLBACK, fail)
    with pytest.raises(asyncio.CancelledError):
        await applied(mine, full(moves=[move(1, epoch=2)]))
    assert mine.is_closed()
    assert await nothing_happened(other)


def cut(connection: Any) -> None:
    """The connection breaks; the driver learns of it when it next runs."""
    connection._transport.abort()


@pytest.mark.parametrize("lose", [asyncpg.Connection.terminate, cut])
@pytest.mark.parametrize("point", POINTS[:-1])
async def test_a_lost_connection_before_the_commit_is_unavailable(
    mine: asyncpg.Connection,
    other: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    point: Failpoint,
    lose: Callable[[asyncpg.Connection], None],
) -> None:
    before(monkeypatch, point, lambda: lose(mine))
    with pytest.raises(Unavailable):
        await applied(mine, full())
    assert await nothing_happened(other)


async def test_a_lost_connection_at_the_commit_is_unclean(
    mine: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(monkeypatch, Failpoint.APPLY_BEFORE_COMMIT, mine.terminate)
    with pytest.raises(Unclean, match="confirm"):
        await applied(mine, full())


async def test_a_session_ended_by_a_successor_writes_nothing(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    assert await ownership.terminate_sessions(other, "incarnation-1") == 1
    with pytest.raises((Unavailable, Unclean)):  # has the driver noticed? either will do
        await applied(mine, full())
    assert await nothing_happened(other)


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    away = Database(url=SecretStr("postgresql://nobody@127.0.0.1:1/nothing"))
    with pytest.raises(Unavailable, match="can't be reached"):
        await connect.connect(away, application_name="x")
