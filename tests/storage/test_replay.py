"""Replay on a real database: equal to live, and exactly what was changed is found."""

from collections.abc import Sequence
from functools import partial

import asyncpg
import pytest

from app.domain.book import decode_book, encode_book
from app.domain.topics import CONTACT_LANE_INPUTS
from app.inbound.decoding import make_decoder
from app.models import load_rules
from app.runtime.deciding import Timelines
from app.runtime.replay.replay import replay
from app.runtime.replay.report import ReplayReport
from app.settings import Database, Limits
from app.storage.deciding import Deciding
from app.storage.repair import Repair, repair
from app.storage.replay_reads import Wanted
from tests.load.filling import LANE, filled

RULES = load_rules("b2b-default@1")
PARTITIONS = 3
DECODER = partial(make_decoder, RULES, Limits(), CONTACT_LANE_INPUTS, PARTITIONS, None)
NOBODY_ELSE = Timelines(RULES, Deciding({}, {}, {}), {})
CONTACTS, INTERACTIONS = 60, 2_700
UNTIL = 1_790_000_000.0


@pytest.fixture
async def history(database: Database, other: asyncpg.Connection) -> asyncpg.Connection:
    """Some contacts have sealed evidence, timers fired by the clock in between."""
    await filled(
        database, RULES, interactions=INTERACTIONS, contacts=CONTACTS, seed=11,
        partitions=PARTITIONS, until=UNTIL, span_seconds=90 * 86_400.0,
    )  # fmt: skip
    return other


async def replayed(
    connection: asyncpg.Connection,
    *,
    partitions: Sequence[int] = range(PARTITIONS),
    is_repairing: bool = False,
    bucket_bytes: int = 1 << 26,
    **wanted: str,
) -> ReplayReport:
    return await replay(
        connection, LANE, partitions, DECODER, NOBODY_ELSE, wanted=Wanted(**wanted),
        is_repairing=is_repairing, bucket_bytes=bucket_bytes,
    )  # fmt: skip


@pytest.mark.parametrize("bucket_bytes", [1 << 26, 20_000], ids=["one bucket", "many buckets"])
async def test_replay_equals_live(history: asyncpg.Connection, bucket_bytes: int) -> None:
    report = await replayed(history, bucket_bytes=bucket_bytes)
    assert report.differences == []
    assert (report.differing, report.too_old, report.problems) == (0, 0, [])
    assert (report.contacts, report.interactions) == (CONTACTS, INTERACTIONS)
    assert await history.fetchval("SELECT count(*) FROM contact_log") > 0
    assert await history.fetchval("SELECT count(*) FROM segment WHERE n = 0") > 0


async def test_a_row_whose_state_was_changed_by_hand_is_exactly_the_difference(
    history: asyncpg.Connection,
) -> None:
    key = await changed_owner(history)
    report = await replayed(history)
    (only,) = report.differences
    assert (only.contact_id, only.what, only.live) == (key, "state.owner", "mallory")
    assert report.differing == 1


async def test_a_repaired_contact_is_equal_again_and_its_history_is_left_alone(
    history: asyncpg.Connection,
) -> None:
    key = await changed_owner(history)
    told = await history.fetch("SELECT * FROM stage_change ORDER BY partition, contact_id, seq")
    before = await numbers(history, key)
    report = await replayed(history, is_repairing=True)
    assert (report.differing, report.repaired, report.unrepaired) == (1, 1, 0)
    assert (await replayed(history)).is_equal
    assert await numbers(history, key) == (before[0] + 1, before[1])
    assert told == await history.fetch(
        "SELECT * FROM stage_change ORDER BY partition, contact_id, seq"
    )


async def test_a_contact_without_its_row_is_found_and_made_again(
    history: asyncpg.Connection,
) -> None:
    (row,) = await history.fetch(
        "DELETE FROM contact WHERE contact_id = (SELECT min(contact_id) FROM contact)"
        " RETURNING contact_id, stage, log"
    )
    (only,) = (await replayed(history)).differences
    assert (only.contact_id, only.what) == (row["contact_id"], "contact")
    assert (await replayed(history, is_repairing=True)).repaired == 1
    query = "SELECT stage FROM contact WHERE contact_id = $1"
    assert await history.fetchval(query, row["contact_id"]) == row["stage"]
    assert (await replayed(history)).is_equal


async def test_a_record_that_history_lacks_or_has_otherwise_is_found(
    history: asyncpg.Connection,
) -> None:
    (gone,) = await history.fetch(
        "DELETE FROM stage_change WHERE ctid = (SELECT ctid FROM stage_change AS c"
        " WHERE kind = 'changed' AND revoked_at IS NULL AND NOT EXISTS (SELECT FROM stage_change"
        " AS o WHERE o.transition_id = c.transition_id AND o.seq <> c.seq) LIMIT 1)"
        " RETURNING contact_id, transition, from_stage, to_stage"
    )
    (only,) = (await replayed(history)).differences
    assert only.contact_id == gone["contact_id"]
    assert only.what == f"history {gone['transition']} {gone['from_stage']} → {gone['to_stage']}"
    assert only.live == "none"


async def test_a_row_of_the_lists_that_is_wrong_or_missing_is_found_and_written(
    history: asyncpg.Connection,
) -> None:
    first, last = (
        "(SELECT min(contact_id) FROM contact_view)",
        "(SELECT max(contact_id) FROM contact)",
    )
    rows = "SELECT * FROM contact_view ORDER BY partition, contact_id"
    before = [tuple(row.values()) for row in await history.fetch(rows)]
    await history.execute(
        f"UPDATE contact_view SET owner = 'mallory', of_owner = 7 WHERE contact_id = {first}"
    )
    await history.execute(f"DELETE FROM contact_view WHERE contact_id = {last}")
    told = sorted((each.what, each.live) for each in (await replayed(history)).differences)
    assert told == [("lists", "there is no row of it"), ("lists.owner", "mallory")]
    assert (await replayed(history, is_repairing=True)).repaired == 2
    assert (await replayed(history)).is_equal
    assert len(await history.fetch(rows)) == len(before)
    assert await history.fetchval("SELECT count(*) FROM contact_view WHERE of_owner = 7") == 0


async def test_a_row_that_no_interaction_explains_is_found(history: asyncpg.Connection) -> None:
    await history.execute(
        "INSERT INTO contact SELECT partition, tenant, 'nobody', version, stage, seq, check_at,"
        " state, log FROM contact WHERE contact_id = (SELECT min(contact_id) FROM contact)"
    )
    (only,) = (await replayed(history)).differences
    assert (only.contact_id, only.what) == ("nobody", "contact")
    assert (await replayed(history, is_repairing=True)).unrepaired == 1


async def test_a_timer_that_would_come_too_late_is_found(history: asyncpg.Connection) -> None:
    await history.execute(
        "UPDATE contact SET check_at = NULL WHERE contact_id = (SELECT min(contact_id) FROM contact"
        " WHERE check_at IS NOT NULL)"
    )
    assert [each.what for each in (await replayed(history)).differences] == ["check_at"]


async def test_contacts_older_than_the_batches_that_are_kept_are_not_judged(
    history: asyncpg.Connection,
) -> None:
    await history.execute("DELETE FROM segment WHERE batch_seq = 1 AND partition = 0")
    report = await replayed(history)
    assert report.differences == []
    assert report.too_old > 0
    assert report.is_equal


async def test_a_missing_batch_in_between_is_a_problem(history: asyncpg.Connection) -> None:
    await history.execute("DELETE FROM segment WHERE batch_seq = 2 AND partition = 1")
    report = await replayed(history, partitions=[1])
    assert report.problems == ["partition 1: batches 2 to 2 are not in the segments"]
    assert not report.is_equal


async def test_one_contact_is_replayed_alone(history: asyncpg.Connection) -> None:
    key = await changed_owner(history)
    report = await replayed(history, tenant="default", contact_id=key)
    assert (report.contacts, report.differing) == (1, 1)
    assert 0 < report.interactions < INTERACTIONS


async def test_a_contact_that_has_moved_on_is_not_repaired(
    history: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await changed_owner(history)

    async def late(connection: asyncpg.Connection, wanted: Repair) -> bool:
        """Somebody writes between the comparison and the repair."""
        await connection.execute(
            "UPDATE contact SET version = version + 1 WHERE contact_id = $1", key
        )
        return await repair(connection, wanted)

    monkeypatch.setattr("app.runtime.replay.replay.repair", late)
    report = await replayed(history, is_repairing=True)
    assert (report.repaired, report.unrepaired) == (0, 1)
    assert (await replayed(history)).differing == 1


async def numbers(connection: asyncpg.Connection, key: str) -> tuple[int, int]:
    """Version and seq."""
    query = "SELECT version, seq FROM contact WHERE contact_id = $1"
    (row,) = await connection.fetch(query, key)
    return row["version"], row["seq"]


async def changed_owner(connection: asyncpg.Connection) -> str:
    """Of one contact, by hand; its key."""
    query = "SELECT contact_id, state FROM contact ORDER BY contact_id LIMIT 1"
    (row,) = await connection.fetch(query)
    book = decode_book(row["state"])
    book.state.owner = "mallory"
    await connection.execute(
        "UPDATE contact SET state = $2 WHERE contact_id = $1", row["contact_id"], encode_book(book)
    )
    return str(row["contact_id"])
