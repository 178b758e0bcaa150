"""What all tests share: one embedded stack for the run, a fresh database, a unique name."""

import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.runtime.embedded.stack import EmbeddedStack, embedded_stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever uses the stack is marked so: `-m "not stack"` runs the rest in seconds."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="session")
def stack_directory() -> Iterator[Path]:
    """Not pytest's own: an account without rights must reach it when the tests run as root."""
    directory = Path(tempfile.mkdtemp(prefix="funnel-tests-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
async def stack(stack_directory: Path, pytestconfig: pytest.Config) -> AsyncIterator[EmbeddedStack]:
    """Kafka and PostgreSQL, started when the first test asks for them."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{line}", end="", flush=True)  # noqa: T201 - a download takes a while

    async with embedded_stack(stack_directory, progress=say) as started:
        yield started


@pytest.fixture
def own_directory() -> Iterator[Path]:
    """For a stack of its own, where the shared one is not to be touched."""
    directory = Path(tempfile.mkdtemp(prefix="funnel-tests-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def unique() -> str:
    """A suffix for names of topics, groups and the like: tests share one broker."""
    return secrets.token_hex(4)


@pytest.fixture
async def database_url(stack: EmbeddedStack, unique: str) -> AsyncIterator[str]:
    """A new, empty database, owned by the service's role; dropped after the test."""
    name = f"test_{unique}"
    await execute(stack.database_url, f"CREATE DATABASE {name}")
    yield urlsplit(stack.database_url)._replace(path=f"/{name}").geturl()
    try:
        await execute(stack.database_url, f"DROP DATABASE {name} WITH (FORCE)")
    except asyncpg.InsufficientPrivilegeError:
        # The server itself is vacuuming it, and is not ours to end: it goes with the server.
        return


async def execute(url: str, statement: str) -> None:
    """A connection for one statement: the test between two of them may have killed the server."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
