"""A rig for each test that asks for one, with a migrated database and topics of its own."""

import secrets
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import asyncpg
import pytest

from app import failpoints
from app.failpoints import Failpoint
from app.runtime.embedded.stack import EmbeddedStack
from app.storage.migrate import migrate
from tests.conftest import execute
from tests.failure.rig import Rig, until

Arm = Callable[..., None]


@pytest.fixture(scope="session")
async def migrated(stack: EmbeddedStack) -> AsyncIterator[str]:
    """The name of a migrated database to copy: ten times faster than migrating."""
    name = f"rig_template_{secrets.token_hex(4)}"
    await execute(stack.database_url, f"CREATE DATABASE {name}")
    await migrate(_url(stack, name))
    yield name
    await until(lambda: _dropped(stack, name))


@pytest.fixture
async def rig(stack: EmbeddedStack, migrated: str, unique: str) -> AsyncIterator[Rig]:
    name = f"rig_{unique}"
    await execute(stack.database_url, f"CREATE DATABASE {name} TEMPLATE {migrated}")
    made = Rig(stack.bootstrap_servers, _url(stack, name), unique)
    try:
        await made.open()
        yield made
    finally:
        await made.close()
        await until(lambda: _dropped(stack, name))


async def _dropped(stack: EmbeddedStack, name: str) -> bool:
    """FORCE can't end autovacuum's session: that ends by itself."""
    try:
        await execute(stack.database_url, f"DROP DATABASE {name} WITH (FORCE)")
    except (asyncpg.InsufficientPrivilegeError, asyncpg.ObjectInUseError):
        return False
    return True


def _url(stack: EmbeddedStack, name: str) -> str:
    return urlsplit(stack.database_url)._replace(path=f"/{name}").geturl()


class Once(dict[Failpoint, tuple[str, float, float]]):
    """Armed failpoints that fire once each, after `skip` passes."""

    def __init__(self) -> None:
        super().__init__()
        self.skip: dict[Failpoint, int] = {}
        self.fired: list[Failpoint] = []

    def __getitem__(self, point: Failpoint) -> tuple[str, float, float]:
        if self.skip.get(point, 0) > 0:
            self.skip[point] -= 1
            return ("error", 0.0, 0.0)
        self.fired.append(point)
        return self.pop(point)


@pytest.fixture
def armed(monkeypatch: pytest.MonkeyPatch) -> Once:
    once = Once()
    monkeypatch.setattr(failpoints, "_armed", once)
    return once


@pytest.fixture
def arm(armed: Once) -> Arm:
    """Let a failpoint fail once, after `skip` passes."""

    def do(point: Failpoint, *, skip: int = 0) -> None:
        armed.skip[point] = skip
        armed[point] = ("error", 1.0, 0.0)

    return do
