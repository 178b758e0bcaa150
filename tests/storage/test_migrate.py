"""Migrations: what they make, that they run once, and that a wrong revision is refused."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.errors import RevisionError, Unavailable
from app.storage import revision
from app.storage.days import ensure_segment_days
from app.storage.engine import driver_of, engine
from app.storage.migrate import migrate
from app.storage.migrations import MIGRATIONS, newest
from app.storage.tables import metadata


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[AsyncEngine]:
    made = engine(database_url)
    yield made
    await made.dispose()


async def execute(database: AsyncEngine, statement: str) -> list[tuple[object, ...]]:
    async with database.begin() as connection:
        found = await connection.execute(text(statement))
        return [tuple(row) for row in found] if found.returns_rows else []


async def check(database: AsyncEngine) -> None:
    async with database.connect() as connection:
        await revision.check_revision(await driver_of(connection))


async def make_days(database: AsyncEngine, ahead: int = 7) -> list[str]:
    async with database.begin() as connection:
        await connection.execute(text("SELECT"))  # only now its transaction begins
        return await ensure_segment_days(await driver_of(connection), TODAY, ahead)


def differences(connection: Connection) -> list[object]:
    def is_ours(_: object, name: str | None, kind: str, *__: object) -> bool:
        return not (kind == "table" and str(name).startswith("segment_"))

    context = MigrationContext.configure(
        connection, opts={"compare_server_default": True, "include_object": is_ours}
    )
    return list(compare_metadata(context, metadata))


async def test_migrating_makes_what_the_tables_say(database_url: str, empty: AsyncEngine) -> None:
    assert (await migrate(database_url)).revision == newest()
    async with empty.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_last_migration_by_its_number_is_the_last_of_the_chain() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == newest()


async def test_bytes_are_never_compressed_by_the_server(
    database_url: str, empty: AsyncEngine
) -> None:
    await migrate(database_url)
    compressed = await execute(
        empty,
        "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE a.atttypid = 'bytea'::regtype AND a.attstorage <> 'e' AND c.relkind IN ('r', 'p')"
        " AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'dead_letter'",
    )
    assert compressed == []


async def test_the_log_is_the_last_column_of_a_contact() -> None:
    assert list(metadata.tables["contact"].columns.keys())[-1] == "log"


async def test_of_two_that_migrate_at_once_the_second_waits(database_url: str) -> None:
    done = await asyncio.gather(*(migrate(database_url) for _ in range(3)))
    assert [each.revision for each in done] == [newest()] * 3


async def test_the_right_revision_is_accepted(database_url: str, empty: AsyncEngine) -> None:
    await migrate(database_url)
    await check(empty)


async def test_an_empty_database_is_refused(empty: AsyncEngine) -> None:
    with pytest.raises(RevisionError, match=rf"none .* needs {newest()}: run `funnel migrate`"):
        await check(empty)


async def test_an_older_revision_is_refused_by_name(database_url: str, empty: AsyncEngine) -> None:
    await migrate(database_url)
    await execute(empty, "UPDATE alembic_version SET version_num = '0008'")
    with pytest.raises(RevisionError, match=rf"revision 0008, this release needs {newest()}"):
        await check(empty)


async def test_a_server_that_is_too_old_is_refused(
    database_url: str, empty: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revision, "POSTGRES_MIN", 99)
    with pytest.raises(RevisionError, match="needs 99 or newer"):
        await migrate(database_url)
    with pytest.raises(RevisionError, match="needs 99 or newer"):
        await check(empty)


async def test_a_database_that_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="migrating"):
        await migrate("postgresql://nobody@127.0.0.1:1/nothing")


TODAY = date(2031, 3, 1)


async def days_of(database: AsyncEngine) -> dict[object, object]:
    found = await execute(database, "SELECT day::text, tableoid::regclass::text FROM segment")
    return dict(found)  # type: ignore[arg-type]


async def write_segment(database: AsyncEngine, day: date) -> None:
    await execute(
        database,
        "INSERT INTO segment VALUES"
        f" ('{day}', 'contact', 0, {day.toordinal()}, '{{1}}', now(), 0, '', '')",
    )


async def test_migrating_makes_the_days_to_come(database_url: str, empty: AsyncEngine) -> None:
    await migrate(database_url)
    today = datetime.now(UTC).date()
    await write_segment(empty, today)
    await write_segment(empty, today + timedelta(days=6))
    assert "segment_default" not in (await days_of(empty)).values()


async def test_days_are_made_once(database_url: str, empty: AsyncEngine) -> None:
    await migrate(database_url)
    made = await make_days(empty, ahead=1)
    assert made == ["segment_20310228", "segment_20310301", "segment_20310302"]
    assert await make_days(empty, ahead=1) == []


async def test_a_segment_of_a_day_without_a_table_is_kept_and_moves_when_there_is_one(
    database_url: str, empty: AsyncEngine
) -> None:
    await migrate(database_url)
    await write_segment(empty, TODAY)
    assert await days_of(empty) == {"2031-03-01": "segment_default"}
    await make_days(empty)
    assert await days_of(empty) == {"2031-03-01": "segment_20310301"}
