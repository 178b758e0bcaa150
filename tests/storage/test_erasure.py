"""What an erasure leaves in PostgreSQL, and how its jobs go on."""

from typing import Any

import asyncpg
import pytest

from app.domain.changes import SealedChunk
from app.domain.state import Deal
from app.errors import Unclean
from app.storage import blanking
from app.storage.account_rows import AccountRows
from app.storage.apply_erasures import CONTACT_TABLES
from app.storage.blanking import Blobs, Job
from app.storage.erasure import digest_of, erased_among, read_secret
from app.storage.rows import DealsRow, ErasureRow, ProfileRow, SealedRow
from app.storage.tables import metadata
from tests.storage.batches import (
    LANE,
    ME,
    NOW,
    applied,
    batch,
    change,
    contact,
    dead_letter,
    move,
    own,
    segment,
)
from tests.storage.listed import listing

KEPT_ELSEWHERE = {
    "account_member": "by the account lane, when it is told",
    "account_change": "by the account lane, when it is told",
    "erasure_job": "until it is done",
    "command_result": "its rows name the contact no more, and stay",
}


def erasure(contact_id: str = "c-1", version: int = 1) -> ErasureRow:
    return ErasureRow(0, "default", contact_id, version, contact_id.encode(), NOW)


def sealed(contact_id: str) -> SealedRow:
    return SealedRow(0, SealedChunk("default", contact_id, 0, b"old"))


async def lived(connection: asyncpg.Connection) -> None:
    """Batch 1: two contacts with everything that is kept under a contact's key."""
    both = ("c-1", "c-2")
    await applied(
        connection,
        batch(
            contacts=[contact(each) for each in both],
            history=[change(contact_id=each) for each in both],
            sealed=[sealed(each) for each in both],
            listings=[listing(each) for each in both],
            profiles=[ProfileRow(0, "default", each, {"name": ("Ada", NOW)}) for each in both],
            deals=[DealsRow(0, "default", each, (("deal", Deal()),)) for each in both],
        ),
    )


async def left(connection: asyncpg.Connection, contact_id: str) -> dict[str, int]:
    return {
        table: await connection.fetchval(
            f"SELECT count(*) FROM {table} WHERE contact_id = $1", contact_id
        )
        for table in ("contact", *CONTACT_TABLES)
    }


def test_every_table_with_contacts_is_known_to_erasure() -> None:
    by_key = {table.name for table in metadata.sorted_tables if "contact_id" in table.c}
    assert by_key == {"contact", *CONTACT_TABLES, *KEPT_ELSEWHERE}


async def test_nothing_is_left_of_the_contact_and_all_of_the_others(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    await lived(mine)
    await applied(mine, batch(2, erasures=[erasure()]))
    assert set((await left(other, "c-1")).values()) == {0}
    assert set((await left(other, "c-2")).values()) == {1}


async def test_an_unknown_contact_is_noted(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    await applied(mine, batch(erasures=[erasure("c-9", version=0)]))
    assert await erased_among(other, [b"c-9", b"c-8"]) == {b"c-9"}


@pytest.mark.parametrize("version", [0, 2], ids=["not there", "another version"])
async def test_a_contact_at_another_version_is_not_erased(
    mine: asyncpg.Connection, other: asyncpg.Connection, version: int
) -> None:
    await lived(mine)
    if version == 0:
        await other.execute("DELETE FROM contact WHERE contact_id = 'c-1'")
    with pytest.raises(Unclean, match="another version"):
        await applied(mine, batch(2, erasures=[erasure(version=version or 1)]))
    assert await other.fetchval("SELECT count(*) FROM erased") == 0
    assert (await left(other, "c-1"))["stage_change"] == 1


async def test_every_lane_partition_gets_a_job(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    await own(other, 1)
    await applied(mine, batch(erasures=[erasure("c-9", version=0)]))
    jobs = await blanking.read_jobs(other, LANE, [0, 1, 2])
    assert sorted(jobs) == [Job(LANE, p, "default", "c-9", 0, None) for p in (0, 1)]


async def test_the_account_lane_gets_a_job_when_it_is_told(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    accounts = AccountRows(erased=[(0, "default", "acme", "c-1"), (0, "default", "bolts", "c-1")])
    await applied(mine, batch(accounts=accounts))
    assert await blanking.read_jobs(other, LANE, [0]) == [Job(LANE, 0, "default", "c-1", 0, None)]


async def test_the_key_of_the_hashes_is_made_once(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    secret = await read_secret(mine)
    assert await read_secret(other) == secret
    assert len(secret) == 32
    assert digest_of(secret, "crm-1") != digest_of(b"another", "crm-1")


@pytest.fixture
async def job(mine: asyncpg.Connection) -> Job:
    """Of contact c-9 on partition 0, with five segments."""
    await applied(mine, batch(erasures=[erasure("c-9", version=0)], segments=[segment(1)]))
    for seq in range(2, 6):
        await applied(mine, batch(seq, segments=[segment(seq)]))
    await blanking.set_until(mine, LANE, 0, 5, owner=ME, epoch=1)
    (found,) = await blanking.read_jobs(mine, LANE, [0])
    return found


def gone(blobs: Blobs) -> Blobs | None:
    """Blanks the events of batches 2 and 4."""
    return Blobs(b"", blobs.outputs) if blobs.events in (b"events 2", b"events 4") else None


async def blank(
    connection: asyncpg.Connection, job: Job, until_seq: int = 5, limit: int = 2
) -> int:
    return await blanking.blank_segments(
        connection, [job], until_seq, gone, limit=limit, timeout_seconds=5
    )


async def events(connection: asyncpg.Connection) -> list[bytes]:
    rows = await connection.fetch("SELECT events FROM segment ORDER BY batch_seq")
    return [row["events"] for row in rows]


async def test_segments_are_blanked_in_pieces_that_are_remembered(
    mine: asyncpg.Connection, other: asyncpg.Connection, job: Job
) -> None:
    assert await blank(mine, job) == 3
    assert await events(other) == [b"events 1", b"", b"events 3", b"events 4", b"events 5"]
    (job,) = await blanking.read_jobs(other, LANE, [0])
    assert job.next_seq == 3
    assert await blank(mine, job) == 5
    (job,) = await blanking.read_jobs(other, LANE, [0])
    assert await blank(mine, job) == 6
    assert await events(other) == [b"events 1", b"", b"events 3", b"", b"events 5"]


async def test_no_segment_beyond_the_bound_is_touched(
    mine: asyncpg.Connection, other: asyncpg.Connection, job: Job
) -> None:
    assert await blank(mine, job, until_seq=3, limit=9) == 4
    assert (await events(other))[3] == b"events 4"


async def test_an_unfinished_piece_leaves_nothing(
    mine: asyncpg.Connection, other: asyncpg.Connection, job: Job
) -> None:
    def fails(blobs: Blobs) -> Any:
        raise KeyError(blobs)

    with pytest.raises(KeyError):
        await blanking.blank_segments(mine, [job], 5, fails, limit=2, timeout_seconds=5)
    assert await blanking.read_jobs(other, LANE, [0]) == [job]


@pytest.mark.parametrize("stale", [{"owner": "somebody"}, {"epoch": 0}], ids=["owner", "epoch"])
async def test_only_the_owner_says_how_far_a_job_goes(
    mine: asyncpg.Connection, stale: dict[str, Any]
) -> None:
    """A zombie knows fewer batches than there are."""
    await applied(mine, batch(erasures=[erasure("c-9", version=0)]))
    await blanking.set_until(mine, LANE, 0, 5, **{"owner": ME, "epoch": 1, **stale})
    (job,) = await blanking.read_jobs(mine, LANE, [0])
    assert job.until_seq is None


async def test_a_finished_job_takes_the_key_with_it(
    mine: asyncpg.Connection, other: asyncpg.Connection, job: Job
) -> None:
    await blanking.finish(mine, [job])
    assert await blanking.read_jobs(other, LANE, [0]) == []


async def test_a_job_that_has_to_go_on_is_not_finished(
    mine: asyncpg.Connection, other: asyncpg.Connection, job: Job
) -> None:
    accounts = AccountRows(erased=[(0, "default", "acme", "c-9")])
    await applied(mine, batch(6, moves=[move(6)], accounts=accounts))
    await blanking.finish(mine, [job])
    (again,) = await blanking.read_jobs(other, LANE, [0])
    assert again == job._replace(until_seq=None)


async def test_dead_letters_are_read_in_pages_and_deleted_by_their_ids(
    mine: asyncpg.Connection,
) -> None:
    letters = [dead_letter(key=b"c-%d" % n) for n in range(3)]
    await applied(mine, batch(dead_letters=letters))
    first = await blanking.read_dead_letters(mine, LANE, 0, 0, 2)
    rest = await blanking.read_dead_letters(mine, LANE, 0, first[-1].id, 2)
    assert [each.key for each in first + rest] == [b"c-0", b"c-1", b"c-2"]
    await blanking.delete_dead_letters(mine, 0, [first[1].id])
    assert [each.key for each in await blanking.read_dead_letters(mine, LANE, 0, 0, 9)] == [
        b"c-0",
        b"c-2",
    ]
