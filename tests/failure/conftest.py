"""A rig for each test that asks for one, with a migrated database and topics of its own."""

from collections.abc import AsyncIterator, Callable

import pytest

from app import failpoints
from app.failpoints import Failpoint
from app.runtime.embedded.stack import EmbeddedStack
from app.storage.migrate import migrate
from tests.failure.rig import Rig

Arm = Callable[..., None]


@pytest.fixture
async def rig(stack: EmbeddedStack, database_url: str, unique: str) -> AsyncIterator[Rig]:
    await migrate(database_url)
    made = Rig(stack.bootstrap_servers, database_url, unique)
    try:
        await made.open()
        yield made
    finally:
        await made.close()


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
