"""Who may do what in the database, and who the server and its clients prove to be."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app.errors import Unavailable
from app.settings import Database
from app.storage.connect import connect
from app.storage.days import ensure_segment_days
from app.storage.engine import engine, reaching
from app.storage.grants import RIGHTS, Role
from app.storage.migrate import migrate
from app.storage.ownership import terminate_sessions
from app.storage.sessions import incarnation_id, older_than
from app.storage.tables import metadata
from tests.security.certificates import Authority
from tests.security.secured_postgres import SecuredPostgres

TODAY = datetime.now(UTC).date()


async def ask(database: Database, statement: str) -> object:
    connection = await connect(database, application_name="test")
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def test_every_table_is_somebodys() -> None:
    """A new one is refused to all but its owner until app/storage/grants.py says who may what."""
    assert set(metadata.tables) - set(RIGHTS) == set()


async def test_connections_are_encrypted(postgres: SecuredPostgres) -> None:
    found = await ask(
        postgres.access("funnel_worker"),
        "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    )
    assert found is True


async def test_queries_are_encrypted_too(postgres: SecuredPostgres) -> None:
    reads = engine(postgres.access("funnel_api"))
    async with reads.connect() as connection:
        answer = await connection.exec_driver_sql(
            "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        )
        assert answer.scalar_one() is True
    await reads.dispose()


@pytest.mark.parametrize("different", ["authority", "name"])
async def test_a_server_that_proves_nothing_is_not_believed(
    postgres: SecuredPostgres, different: str
) -> None:
    other = postgres.ca_file.with_name("other-postgres.crt")
    other.write_bytes(Authority("another").certificate)
    believing: dict[str, object] = {
        "authority": {"ca_file": other},
        "name": {"url": postgres.url("funnel_worker", host="0.0.0.0")},
    }[different]  # type: ignore[assignment]
    database = postgres.access("funnel_worker", **believing)
    with pytest.raises(Unavailable, match=r"(?i)certificate"):
        await ask(database, "SELECT 1")
    with pytest.raises((Unavailable, OSError), match=r"(?i)certificate"), reaching("asking"):
        await migrate(database)


async def test_a_password_that_was_changed_in_its_file_is_used_from_the_next_connection_on(
    postgres: SecuredPostgres,
) -> None:
    database = postgres.access("funnel_api")
    assert await ask(database, "SELECT 1") == 1
    await postgres.change_password("funnel_api")
    assert await ask(database, "SELECT 1") == 1


async def test_a_wrong_password_is_refused(postgres: SecuredPostgres) -> None:
    with pytest.raises(Unavailable, match="password"):
        await ask(postgres.access("funnel_api", password="wrong"), "SELECT 1")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE contact SET stage = 'customer'",
        "DELETE FROM contact",
        "INSERT INTO lane (lane, partitions, topics, topic_ids) VALUES ('x', 1, '{}', '{}')",
        "UPDATE lane_partition SET owner = 'me'",
        "DELETE FROM dead_letter",
        "SELECT secret FROM erasure_key",
        "SELECT digest FROM erased",
        "SELECT contact_id FROM erasure_job",
        "SELECT events FROM segment",
        "SELECT funnel_segment_day(current_date + 20)",
        "CREATE TABLE mine (a int)",
        "CREATE TEMPORARY TABLE mine (a int)",
        "SET ROLE funnel_worker",
    ],
)
async def test_the_api_reads_what_it_shows_and_nothing_else(
    postgres: SecuredPostgres, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(postgres.access("funnel_api"), statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE model SET name = 'x'",
        "DELETE FROM model",
        "UPDATE model_version SET content_hash = 'x'",
        "DELETE FROM model_version",
        "INSERT INTO model_timeline (partition) VALUES (0)",
    ],
)
async def test_the_api_adds_models_and_changes_none(
    postgres: SecuredPostgres, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(postgres.access("funnel_api"), statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE contact",
        "ALTER TABLE contact ADD COLUMN a int",
        "TRUNCATE contact",
        "CREATE TABLE mine (a int)",
        "DELETE FROM segment",
        "DELETE FROM lane",
        "DELETE FROM model",
        "UPDATE model SET name = 'x'",
        "DELETE FROM erased",
        "UPDATE erasure_key SET secret = ''",
        "SELECT funnel_segment_day('2001-01-01')",
        "SET ROLE funnel_owner",
    ],
)
async def test_a_worker_changes_no_schema_and_forgets_nothing_but_persons(
    postgres: SecuredPostgres, statement: str
) -> None:
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.RaiseError)):
        await ask(postgres.access("funnel_worker"), statement)


async def test_a_worker_makes_the_segments_days_through_the_owners_function(
    postgres: SecuredPostgres,
) -> None:
    connection = await connect(postgres.access("funnel_worker"), application_name="test")
    async with connection.transaction():
        made = await ensure_segment_days(connection, TODAY, 9)
    assert made == [f"segment_{TODAY + timedelta(days=n):%Y%m%d}" for n in (8, 9)]
    owner = await connection.fetchval(
        "SELECT tableowner FROM pg_tables WHERE tablename = $1", made[0]
    )
    assert owner == "funnel_owner"
    await connection.close()


async def test_a_worker_ends_the_sessions_of_another(postgres: SecuredPostgres) -> None:
    database = postgres.access("funnel_worker")
    fenced = await connect(database, application_name=(owner := incarnation_id()))
    mine = await connect(database, application_name=incarnation_id())
    assert await terminate_sessions(mine, owner) == 1
    fenced.terminate()
    await mine.close()


async def test_who_migrates_sees_processes_of_older_releases(postgres: SecuredPostgres) -> None:
    worker = await connect(postgres.access("funnel_worker"), application_name="funnel-0001-x")
    owner = await connect(postgres.access("funnel_owner"), application_name="funnel-migrate")
    assert await older_than(owner, "0002") == {"funnel-0001-x": 1}
    await worker.close()
    await owner.close()


async def test_rights_that_are_not_said_any_more_are_taken_back(postgres: SecuredPostgres) -> None:
    await postgres.run("GRANT DELETE ON contact TO funnel_api")
    await migrate(postgres.access("funnel_owner"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(postgres.access("funnel_api"), "DELETE FROM contact")


async def test_roles_are_made_again_without_harm(postgres: SecuredPostgres) -> None:
    from tests.security.secured_postgres import ROLES

    await postgres.run(ROLES.read_text())
    counted = await ask(postgres.access("funnel_api"), "SELECT count(*) FROM contact")
    assert isinstance(counted, int)


def test_roles_are_named_as_the_script_names_them() -> None:
    from tests.security.secured_postgres import ROLES

    assert all(role in ROLES.read_text() for role in Role)
