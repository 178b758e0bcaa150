"""Results of commands: written with their batch, the first one stands, old ones go bit by bit."""

from typing import Any, Final

import asyncpg
from msgspec.structs import replace

from app.domain.command_outcome import CommandState
from app.storage.command_results import CommandResultRow, MoveRow
from app.storage.result_retention import drop_old_results
from app.storage.rows import ErasureRow
from tests.storage.batches import NOW, applied, batch

COLUMNS: Final = "contact_id, state, reason, message, stage, seq, moves, actor"
DAY: Final = 86_400_000_000


def result(command_id: str = "k-1", **different: Any) -> CommandResultRow:
    usual = CommandResultRow(
        tenant="default", command_id=command_id, contact_id="c-1", type="stage.override",
        source="/funnel/api", actor="jo", received_at=NOW, decided_at=NOW + 1,
        state=CommandState.ACCEPTED, reason=None, message="a remark", stage="prospect", seq=2,
        moves=[MoveRow(2, "changed", "0" * 32, "T17", "lead", "prospect")],
    )  # fmt: skip
    return replace(usual, **different)


async def stored(connection: asyncpg.Connection, command_id: str = "k-1") -> dict[str, Any]:
    row = await connection.fetchrow(
        f"SELECT {COLUMNS} FROM command_result WHERE command_id = $1", command_id
    )
    assert row is not None
    return dict(row)


async def test_a_result_is_written_with_its_batch(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    await applied(mine, batch(results=[result()]))
    found = await stored(other)
    assert (found["state"], found["stage"], found["seq"]) == ("accepted", "prospect", 2)
    assert '"transition": "T17"' in found["moves"]


async def test_the_first_result_stands(mine: asyncpg.Connection, other: asyncpg.Connection) -> None:
    again = result(state=CommandState.DUPLICATE, stage="lead", moves=[])
    await applied(mine, batch(results=[result(), again]), batch(2, results=[again]))
    assert (await stored(other))["state"] == "accepted"


async def test_what_the_http_interface_noted_is_completed(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    await other.execute(
        "INSERT INTO command_result (tenant, command_id, contact_id, type, source, actor, scope,"
        " received_at, state) VALUES ('default', 'k-1', 'c-1', 'stage.override', '/funnel/api',"
        " 'jo', 'contacts:command', $1, 'pending')",
        NOW - 5,
    )
    await applied(mine, batch(results=[result()]))
    row = await other.fetchrow("SELECT state, scope, received_at FROM command_result")
    assert tuple(row or ()) == ("accepted", "contacts:command", NOW - 5)


async def test_an_erasure_leaves_who_decided_and_not_about_whom(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    await applied(mine, batch(results=[result(), result("k-2", contact_id="c-2")]))
    await applied(mine, batch(2, erasures=[ErasureRow(0, "default", "c-1", 0, b"c-1", NOW)]))
    found = await stored(other)
    gone = [found[name] for name in ("contact_id", "message", "seq", "moves")]
    assert gone == [None] * 4
    assert (found["actor"], found["state"]) == ("jo", "accepted")
    assert (await stored(other, "k-2"))["contact_id"] == "c-2"


async def test_old_results_go_a_bounded_number_at_once(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    now = int(1e6 * await other.fetchval("SELECT extract(epoch FROM now())::float8"))
    old = [result(f"old-{n}", received_at=now - 8 * DAY - n) for n in range(5)]
    await applied(mine, batch(results=[*old, result("new", received_at=now - 6 * DAY)]))
    assert await drop_old_results(other, 7, at_once=2, rounds=2) == 4
    left = await other.fetch("SELECT command_id FROM command_result ORDER BY 1")
    assert [row["command_id"] for row in left] == ["new", "old-0"]
    assert await drop_old_results(other, 7, at_once=2, rounds=2) == 1
