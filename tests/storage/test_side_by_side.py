"""Which revisions a release works with: beside the one before it, until an upgrade is finished."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from app.errors import RevisionError
from app.settings import Database
from app.storage import apply, migrate, migrations
from app.storage.connect import connect
from app.storage.migrations import known, needed, newest
from app.storage.revision import check_revision
from app.storage.sessions import incarnation_id, older_than, revision_of, session_name
from tests.failure.next_release import contract, copy_migrations, expand, numbered
from tests.failure.rig import until
from tests.storage import batches


@contextmanager
def release_of(folder: Path) -> Iterator[None]:
    """This process is of the release with these migrations."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (migrations, migrate):
            patch.setattr(module, "MIGRATIONS", folder)
        yield


async def is_waited_for(database_url: str, expected: bool = True) -> bool:
    """A lock on some table of the database."""
    looker = await asyncpg.connect(database_url)
    try:
        waits = await looker.fetchval(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    finally:
        await looker.close()
    return bool(waits) is expected


@pytest.fixture
def ours() -> str:
    """The revision of this release, whatever another one's migrations are looked at meanwhile."""
    return newest()


@pytest.fixture
def upcoming(tmp_path: Path) -> Path:
    """The migrations of the next release; none of its own yet."""
    return copy_migrations(tmp_path / "migrations")


@pytest.fixture
async def old(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A lane of this release, on a database of this release."""
    await migrate.migrate(database_url)
    connection = await connect(
        Database(url=SecretStr(database_url)), application_name=incarnation_id()
    )
    await apply.prepare(connection)
    yield connection
    connection.terminate()


def test_migrations_say_who_may_go_on_beside_them() -> None:
    found = [each for each in known() if each.revision >= "0010"]
    assert [each.revision for each in found] == sorted(each.revision for each in found)
    assert all("0010" <= each.floor <= each.revision for each in found)
    assert [each.floor for each in found] == sorted(each.floor for each in found)
    for each in found:
        (file,) = migrations.MIGRATIONS.glob(f"versions/{each.revision}_*.py")
        assert f'\nfloor = "{each.floor}"\n' in file.read_text(), f"{file.name} says no floor"


def test_a_release_needs_no_contraction_that_comes_last(upcoming: Path) -> None:
    expand(upcoming)
    contract(upcoming)
    with release_of(upcoming):
        assert [each.is_contract for each in known()[-2:]] == [False, True]
        assert needed(known()) == known()[-2].revision


async def test_a_lane_goes_on_while_and_after_a_newer_release_expands(
    old: asyncpg.Connection, database_url: str, upcoming: Path, ours: str
) -> None:
    await batches.own(old, 0)
    await batches.applied(old, batches.batch(1))
    expanded = expand(upcoming)
    with release_of(upcoming):
        done = await migrate.migrate(database_url)
    assert (done.revision, done.floor, done.waiting) == (expanded, "0010", [])
    assert newest() == ours
    await check_revision(old)
    await batches.applied(old, batches.batch(2))
    assert await old.fetchval("SELECT batch_seq FROM lane_partition") == 2


async def test_an_older_release_leaves_a_newer_schema_as_it_is(
    old: asyncpg.Connection, database_url: str, upcoming: Path, ours: str
) -> None:
    expanded = expand(upcoming)
    with release_of(upcoming):
        await migrate.migrate(database_url)
    assert newest() == ours
    done = await migrate.migrate(database_url)
    assert (done.revision, done.floor) == (expanded, "0010")


async def test_what_older_releases_need_is_taken_away_when_it_is_asked_for(
    old: asyncpg.Connection, database_url: str, upcoming: Path
) -> None:
    expanded, contracted = expand(upcoming), contract(upcoming)
    old.terminate()
    with release_of(upcoming):
        done = await migrate.migrate(database_url)
        assert (done.revision, done.waiting) == (expanded, [contracted])
        new = await connect(Database(url=SecretStr(database_url)), application_name="funnel-new")
        try:
            await check_revision(new)
            done = await migrate.migrate(database_url, finish=True)
            assert (done.revision, done.floor, done.waiting) == (contracted, contracted, [])
            await check_revision(new)
        finally:
            new.terminate()


async def test_a_release_is_refused_when_what_it_needs_is_gone(
    old: asyncpg.Connection, database_url: str, upcoming: Path, ours: str
) -> None:
    expand(upcoming)
    contracted = contract(upcoming)
    name = await old.fetchval("SHOW application_name")
    with release_of(upcoming):
        await migrate.migrate(database_url)
        with pytest.raises(RevisionError, match=f"before {contracted} need.*{name}"):
            await migrate.migrate(database_url, finish=True)
        await check_revision(old)
        await old.execute("SET application_name = 'psql'")
        await migrate.migrate(database_url, finish=True)
    with pytest.raises(
        RevisionError, match=f"{contracted} or newer work with, and this release is of {ours}"
    ):
        await check_revision(old)


async def test_a_new_database_is_finished(database_url: str, upcoming: Path) -> None:
    expand(upcoming)
    contracted = contract(upcoming)
    with release_of(upcoming):
        done = await migrate.migrate(database_url)
        assert (done.revision, done.floor, done.waiting) == (contracted, contracted, [])


async def test_the_next_upgrade_begins_when_the_last_one_is_finished(
    old: asyncpg.Connection, database_url: str, upcoming: Path
) -> None:
    expand(upcoming)
    contract(upcoming)
    expand(upcoming, 3)
    old.terminate()
    with release_of(upcoming):
        with pytest.raises(RevisionError, match="finish the last upgrade first"):
            await migrate.migrate(database_url)
        done = await migrate.migrate(database_url, finish=True)
        assert done.waiting == []


async def test_a_migration_and_an_apply_never_wait_for_each_other(
    old: asyncpg.Connection, database_url: str, upcoming: Path
) -> None:
    """An apply writes to lane_partition first: there the migration waits, and holds nothing yet."""
    expanded = expand(upcoming)
    with release_of(upcoming):
        async with old.transaction():
            await old.execute("UPDATE lane_partition SET epoch = epoch")
            migrating = asyncio.create_task(migrate.migrate(database_url))
            await until(lambda: is_waited_for(database_url))
            await old.execute("SET LOCAL lock_timeout = '1ms'")
            await old.execute("LOCK TABLE contact, stage_change, segment IN ROW EXCLUSIVE MODE")
        assert (await migrating).revision == expanded


async def test_a_migration_gives_way_to_who_keeps_a_table(
    old: asyncpg.Connection, database_url: str, upcoming: Path
) -> None:
    """So that lanes never wait behind one that waits."""
    expanded = expand(upcoming)
    with release_of(upcoming):
        async with old.transaction():
            await old.fetch("SELECT FROM contact")
            migrating = asyncio.create_task(migrate.migrate(database_url))
            await until(lambda: is_waited_for(database_url))
            await until(lambda: is_waited_for(database_url, False))
            assert not migrating.done()
        assert (await migrating).revision == expanded


async def test_sessions_say_of_which_release_they_are(old: asyncpg.Connection, ours: str) -> None:
    assert session_name("funnel-api") == f"funnel-api-{ours}"
    assert session_name(incarnation := incarnation_id()) == incarnation
    assert session_name("psql") == "psql"
    assert {revision_of(name) for name in (incarnation, f"funnel-api-{ours}")} == {ours}
    assert revision_of("funnel-0f8fad5bd9cb469fa16570867728950e") == "0000"
    assert await older_than(old, ours) == {}
    assert sum((await older_than(old, numbered(1))).values()) == 1
