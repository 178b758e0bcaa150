"""A migrated database and connections to it, as a lane has them."""

import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from app.runtime.embedded.stack import EmbeddedStack
from app.settings import Database
from app.storage import apply
from app.storage.connect import connect
from app.storage.engine import engine
from app.storage.migrate import migrate
from app.storage.tables import metadata
from tests.conftest import execute
from tests.storage import batches


@pytest.fixture(scope="session")
async def migrated(stack: EmbeddedStack) -> AsyncIterator[Database]:
    """One database for these tests: making one for each would take most of their time."""
    name = f"storage_{secrets.token_hex(4)}"
    await execute(stack.database_url, f"CREATE DATABASE {name}")
    url = urlsplit(stack.database_url)._replace(path=f"/{name}").geturl()
    await migrate(url)
    yield Database(url=SecretStr(url))
    await execute(stack.database_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(migrated: Database) -> Database:
    """Migrated and empty."""
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    await execute(migrated.url.get_secret_value(), f"TRUNCATE {tables}")
    return migrated


@pytest.fixture
async def mine(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """The connection of incarnation `batches.ME`, which owns partition 0."""
    connection = await connect(database, application_name=batches.ME)
    await apply.prepare(connection)
    await batches.own(connection, 0)
    yield connection
    connection.terminate()


@pytest.fixture
async def other(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else's connection, for looking and for interfering."""
    connection = await connect(database, application_name="other")
    yield connection
    connection.terminate()


@pytest.fixture
async def reads(database: Database) -> AsyncIterator[AsyncEngine]:
    made = engine(database.url.get_secret_value())
    yield made
    await made.dispose()
