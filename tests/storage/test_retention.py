"""Which days of the segments go, and which never do."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from app import bootstrap
from app.cli.storage import _read, size
from app.settings import Database, load
from app.storage.days import ensure_segment_days
from app.storage.retention import days, drop_old_days, oldest_kept

TODAY = datetime.now(UTC).date()


def ago(n: int) -> date:
    return TODAY - timedelta(days=n)


@pytest.fixture
async def old(database: Database, other: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """Batch n was filed n days … before today: 40 down to 1, and the row knows K = 25."""
    async with other.transaction():
        await ensure_segment_days(other, ago(41), ahead=41)
    await other.execute(
        "INSERT INTO lane_partition"
        " VALUES ('contacts', 0, 1, 'me', 40, '{40,0}', $1, 25, '{25,0}')",
        0,
    )
    for n in range(1, 41):
        await other.execute(
            "INSERT INTO segment VALUES ($1, 'contacts', 0, $2, '{1,0}', $3, 0, '', '')",
            ago(41 - n), n, 0,
        )  # fmt: skip
    await other.execute("INSERT INTO contact_log VALUES (0, 'default', 'c', 0, 'sealed')")
    yield other
    for day in await days(other):
        if day < ago(1):
            await other.execute(f"DROP TABLE segment_{day:%Y%m%d}")


async def kept(connection: asyncpg.Connection) -> list[int]:
    rows = await connection.fetch("SELECT batch_seq FROM segment ORDER BY batch_seq")
    return [row["batch_seq"] for row in rows]


async def test_days_that_are_over_go_and_sealed_evidence_stays(old: asyncpg.Connection) -> None:
    dropped = await drop_old_days(old, ago(30), limit=1000)
    assert ago(31) in dropped.days
    assert ago(30) not in dropped.days
    assert await kept(old) == list(range(11, 41))
    assert await old.fetchval("SELECT count(*) FROM contact_log") == 1


async def test_what_is_not_published_for_certain_stays(old: asyncpg.Connection) -> None:
    dropped = await drop_old_days(old, ago(0), limit=1000)
    assert await kept(old) == list(range(26, 41))
    assert "partition 0: not published" in dropped.kept[ago(15)]


async def test_while_it_catches_up_everything_stays(old: asyncpg.Connection) -> None:
    await old.execute(
        "INSERT INTO catch_up VALUES ('contacts', 0, 1, 40, '{40,0}', $1, $1, NULL, NULL)", 0
    )
    assert (await drop_old_days(old, ago(0), limit=1000)).days == []
    assert await kept(old) == list(range(1, 41))


async def test_so_many_days_at_once_oldest_first(old: asyncpg.Connection) -> None:
    assert len((await drop_old_days(old, ago(20), limit=3)).days) == 3
    assert (await days(old))[0] > ago(42)


async def test_a_day_in_use_is_left_for_the_next_time(
    old: asyncpg.Connection, database: Database
) -> None:
    reader = await asyncpg.connect(database.url.get_secret_value())
    try:
        async with reader.transaction():
            await reader.fetch("SELECT count(*) FROM segment")
            dropped = await drop_old_days(old, ago(39), limit=1000)
            assert dropped.days == []
            assert "in use" in dropped.kept[ago(40)]
    finally:
        await reader.close()
    assert ago(40) in (await drop_old_days(old, ago(39), limit=1000)).days


def test_what_a_replay_may_ask_for_outlives_a_shorter_setting() -> None:
    today = date(2031, 3, 31)
    assert oldest_kept(7, 30, today) == date(2031, 3, 1)
    assert oldest_kept(60, 30, today) == date(2031, 1, 30)


@pytest.mark.parametrize("segment_days", [None, 20])
async def test_the_workers_house_keeping_drops_by_the_setting(
    old: asyncpg.Connection, database: Database, segment_days: int | None
) -> None:
    settings = load(
        {},
        database={"url": database.url},
        retention={"segment_days": segment_days, "replay_days": 1},
    )
    await bootstrap._drop_old(settings)
    first = (await kept(old))[0]
    assert first == (1 if segment_days is None else 3)  # a few at a time: two were empty
    told = await _read(settings, is_dropping=True)
    assert (await kept(old))[0] == (1 if segment_days is None else 21)
    first_day = date.fromisoformat(told["days"][0]["day"])
    assert first_day < ago(39) if segment_days is None else first_day == ago(20)


def test_sizes_are_told_for_people() -> None:
    assert [size(n) for n in (999, 1_000, 1_234_567, 10**12)] == [
        "999 B", "1.0 kB", "1.2 MB", "1.0 TB",
    ]  # fmt: skip
