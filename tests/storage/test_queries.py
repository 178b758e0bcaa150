"""What the command reads."""

from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.changes import SealedChunk
from app.errors import RowRejected, SettingsError, Unavailable
from app.settings import Database
from app.storage import contacts, dead_letter_queries, ownership, queries
from app.storage.connect import connect
from app.storage.dead_letter_queries import Wanted
from app.storage.engine import engine
from app.storage.rows import ContactRow, CounterDelta, HistoryRow, SealedRow, StoredContact
from tests.storage.batches import (
    LANE,
    NOW,
    applied,
    batch,
    change,
    contact,
    dead_letter,
    own,
)


async def test_only_contacts_that_exist_are_loaded(mine: asyncpg.Connection) -> None:
    made = [contact(f"c-{n}", tenant=tenant) for n in range(3) for tenant in ("a", "b")]
    await applied(mine, batch(contacts=made))
    keys = [(0, "a", "c-1"), (0, "b", "c-2"), (1, "a", "c-1"), (0, "c", "c-1"), (0, "a", "c-9")]
    found = await contacts.load(mine, keys)
    assert {(each.tenant, each.contact_id) for each in found} == {("a", "c-1"), ("b", "c-2")}


async def test_no_keys_load_nothing(mine: asyncpg.Connection) -> None:
    assert await contacts.load(mine, []) == []


async def test_a_key_postgresql_cannot_hold_is_poison(mine: asyncpg.Connection) -> None:
    with pytest.raises(RowRejected):
        await contacts.load(mine, [(0, "default", "nul\x00")])


async def test_contacts_are_loaded_by_their_key(mine: asyncpg.Connection) -> None:
    """Whatever the statistics say: a table that was just filled has none."""
    rows = await mine.fetch(f"EXPLAIN {contacts._LOAD}", [0], ["default"], ["c-1"])
    plan = "\n".join(row[0] for row in rows)
    assert "Nested Loop" in plan
    assert "Index Scan using contact_pkey" in plan


def checks(*names: str, partition: int = 0, since: int = 0) -> list[ContactRow]:
    """Contacts that are due one microsecond after the other."""
    made = [contact(name, check_at=NOW + since + n) for n, name in enumerate(names)]
    return [replace(row, partition=partition) for row in made]


async def test_the_earliest_check_of_each_partition_comes_with_the_clock(
    mine: asyncpg.Connection,
) -> None:
    await own(mine, 1)
    rows = [*checks("a", "b"), *checks("c", partition=1, since=-9), contact("never")]
    await applied(mine, batch(contacts=rows))
    before = await mine.fetchval("SELECT clock_timestamp()")
    now, earliest = await contacts.earliest_checks(mine, [0, 1, 2])
    assert now >= before
    assert earliest == {0: NOW, 1: NOW - 9}


async def test_due_contacts_are_those_up_to_their_partitions_horizon_earliest_first(
    mine: asyncpg.Connection,
) -> None:
    await own(mine, 1)
    rows = [*checks("a", "b", "c"), *checks("d", "e", partition=1), contact("never")]
    await applied(mine, batch(contacts=list(reversed(rows))))
    found = await contacts.due_contacts(mine, [0, 1, 2], [NOW + 1, NOW, NOW], 9)
    assert [(row.partition, row.contact_id, row.check_at) for row in found] == [
        (0, "a", NOW),
        (0, "b", NOW + 1),
        (1, "d", NOW),
    ]
    few = await contacts.due_contacts(mine, [0, 1], [NOW + 9, NOW + 9], 1)
    assert [row.contact_id for row in few] == ["a", "d"]
    assert await contacts.due_contacts(mine, [0], [NOW - 1], 9) == []


@pytest.mark.parametrize(
    ("statement", "arguments"),
    [(contacts._EARLIEST, [[0]]), (contacts._DUE, [[0], [NOW], 9])],
    ids=["earliest", "due"],
)
async def test_timers_are_looked_for_by_their_index(
    mine: asyncpg.Connection, statement: str, arguments: list[Any]
) -> None:
    """In order, so that it reads no further than it must, whatever the statistics say."""
    rows = await mine.fetch(f"EXPLAIN {statement}", *arguments)
    plan = "\n".join(row[0] for row in rows)
    assert " using contact_check_at on contact c" in plan
    assert "Sort" not in plan


async def test_who_is_due_next_is_told_over_all_partitions(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await own(mine, 1)
    others = [contact("c", check_at=NOW + 5, tenant="acme"), contact("never")]
    rows = [*checks("a", "d"), *checks("b", partition=1, since=-3), *others]
    await applied(mine, batch(contacts=rows))
    found = await queries.due_next(reads, LANE, limit=9)
    assert [each.contact_id for each in found] == ["b", "a", "d", "c"]
    assert [each.contact_id for each in await queries.due_next(reads, LANE, limit=2)] == ["b", "a"]
    of_one = await queries.due_next(reads, LANE, limit=9, tenant="acme")
    assert [(each.contact_id, each.state) for each in of_one] == [("c", b"state")]
    assert await queries.due_next(reads, "another", limit=9) == []


async def test_a_contact_is_read_as_it_was_written(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await applied(mine, batch(contacts=[contact()]))
    found = await queries.contact(reads, 0, "default", "c-1")
    assert found == StoredContact(0, "default", "c-1", 1, "lead", 1, b"state", b"log")
    assert await queries.contact(reads, 0, "default", "c-2") is None


async def test_a_whole_contact_has_its_sealed_chunks_in_order(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    chunks = [SealedChunk("default", "c-1", number, b"%d" % number) for number in (2, 0, 11, 1)]
    other = SealedChunk("default", "c-2", 0, b"another's")
    sealed = [SealedRow(0, chunk) for chunk in [*chunks, other]]
    await applied(mine, batch(contacts=[contact(), contact("c-2"), contact("c-3")], sealed=sealed))
    found = await queries.whole_contact(reads, 0, "default", "c-1")
    assert found == (
        StoredContact(0, "default", "c-1", 1, "lead", 1, b"state", b"log"),
        [b"0", b"1", b"2", b"11"],
    )
    without = await queries.whole_contact(reads, 0, "default", "c-3")
    assert without is not None
    assert without[1] == []
    assert await queries.whole_contact(reads, 0, "default", "c-4") is None


async def test_counts_are_of_one_tenant_or_of_all(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await own(mine, 1)
    deltas = [
        CounterDelta(0, "a", "lead", 2),
        CounterDelta(1, "a", "lead", 3),
        CounterDelta(0, "b", "lead", 4),
        CounterDelta(0, "b", "lost", 1),
    ]
    await applied(mine, batch(counters=deltas))
    assert await queries.stage_counts(reads) == {"lead": 9, "lost": 1}
    assert await queries.stage_counts(reads, "a") == {"lead": 5}


async def test_dead_letters_are_paged_newest_first(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    letters = [dead_letter(source_offset=n, reason="ab"[n % 2]) for n in range(5)]
    await applied(mine, batch(dead_letters=letters))
    first = await dead_letter_queries.newest(reads, Wanted(), limit=2)
    then = await dead_letter_queries.newest(reads, Wanted(), limit=9, before=first[-1].id)
    assert [each.row.source_offset for each in first + then] == [4, 3, 2, 1, 0]
    of_a = await dead_letter_queries.newest(reads, Wanted(reason="a"), limit=9)
    assert [each.row.source_offset for each in of_a] == [4, 2, 0]
    assert first[0].lane == LANE


async def test_partitions_are_listed_as_they_are(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await own(mine, 1)
    await applied(mine, batch(1))
    rows = [await ownership.read_partition(mine, LANE, partition) for partition in (0, 1)]
    assert await queries.partitions(reads, LANE) == rows
    assert rows[0] is not None
    assert rows[0].as_of == NOW + 1


async def test_a_lane_is_read_as_recorded(other: asyncpg.Connection, reads: AsyncEngine) -> None:
    assert await queries.lane(reads, LANE) is None
    recorded = await ownership.record_lane(other, LANE, 12, ["a"], ["id-a"])
    assert await queries.lane(reads, LANE) == recorded


async def test_recent_opportunities_are_contacts_that_still_are(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    def entered(contact_id: str, seq: int = 1, at: int = 0, **different: Any) -> HistoryRow:
        into = {"to_stage": "opportunity", "transition_id": f"{1:032x}"}
        return replace(change(seq, contact_id, **into, **different), decided_at=NOW + at)

    stages = {"now": "opportunity", "later": "opportunity", "lost": "lost", "again": "opportunity"}
    await applied(
        mine,
        batch(
            contacts=[contact(name, stage=stage) for name, stage in stages.items()],
            history=[
                entered("now", at=1),
                entered("later", at=3),
                entered("lost", at=9),
                entered("again", at=0),
                entered("again", 2, at=1, kind="revoked", revokes=f"{1:032x}"),
                entered("again", 3, at=2),
            ],
        ),
    )
    found = await queries.recent_opportunities(reads, 9)
    assert [(each.contact_id, each.change.seq) for each in found] == [
        ("later", 1),
        ("again", 3),
        ("now", 1),
    ]
    assert len(await queries.recent_opportunities(reads, 1)) == 1


async def test_the_size_of_the_database_is_in_bytes(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    assert await queries.database_bytes(reads) > 1_000_000


async def test_reads_of_a_database_that_is_away_are_unavailable() -> None:
    away = engine("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(Unavailable):
        await queries.stage_counts(away)
    await away.dispose()


async def test_times_are_integers_on_the_lanes_connections(other: asyncpg.Connection) -> None:
    assert await other.fetchval("SELECT $1::timestamptz", NOW) == NOW
    assert await other.fetchval("SELECT '1970-01-01T00:00:01Z'::timestamptz") == 1_000_000


async def test_a_connection_carries_the_owners_name(database: Database) -> None:
    connection = await connect(database, application_name="incarnation-9")
    assert await connection.fetchval("SHOW application_name") == "incarnation-9"
    await connection.close()


async def test_a_url_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsError, match="FUNNEL_DATABASE__URL"):
        await connect(Database(url=SecretStr("http://x")), application_name="x")
