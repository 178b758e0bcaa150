"""The lanes as services of the shell."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog
from mode import Service

from app.runtime.garbage import settle
from app.telemetry.health import Health

log = structlog.get_logger(__name__)


class LaneRunner(Protocol):
    """What bootstrap builds."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain and return. Raises on a bug, or when halted."""
        ...

    def health(self) -> Health:
        """Ready: every assigned partition is worked on."""
        ...


class Drain:
    """The end of a process's lanes: they drain side by side, within one bound."""

    def __init__(self, timeout_seconds: float) -> None:
        self.timeout_seconds = timeout_seconds
        self.asked = asyncio.Event()
        self.deadline = 0.0
        """By the loop's clock, once asked."""

    def ask(self) -> None:
        if not self.asked.is_set():
            self.deadline = asyncio.get_running_loop().time() + self.timeout_seconds
            self.asked.set()


class LaneService(Service):
    """Runs one lane. Its end without being asked is a bug, its exception crashes the shell."""

    mundane_level = "debug"

    def __init__(self, name: str, lane: LaneRunner, drain: Drain) -> None:
        super().__init__()
        self.lane = lane
        self._name = name
        self._drain = drain
        self._ended = asyncio.Event()

    async def on_start(self) -> None:
        settle()

    @Service.task
    async def _drive(self) -> None:
        structlog.contextvars.bind_contextvars(lane=self._name)
        try:
            await self.lane.run(self._drain.asked)
        finally:
            self._ended.set()
        if not self._drain.asked.is_set():
            raise AssertionError("the lane ended though nothing had asked it to")

    async def on_stop(self) -> None:
        """Ask the lanes to drain and wait for this one, bounded; then its task is cancelled."""
        self._drain.ask()
        try:
            async with asyncio.timeout_at(self._drain.deadline):
                await self._ended.wait()
        except TimeoutError:
            log.warning(
                "the lane did not drain in time; the next owner takes over",
                lane=self._name,
                drain_timeout_seconds=self._drain.timeout_seconds,
            )


def lane_services(
    lanes: Mapping[str, LaneRunner], *, drain_timeout_seconds: float
) -> list[LaneService]:
    """A service for each lane, by name; all of them drain when the first is told to stop."""
    drain = Drain(drain_timeout_seconds)
    return [LaneService(name, lane, drain) for name, lane in lanes.items()]


def health_of(lanes: Mapping[str, LaneRunner]) -> Health:
    """Ready: every lane is; the reasons say which is not."""
    found = {name: lane.health() for name, lane in lanes.items()}
    return Health(
        ready=all(health.ready for health in found.values()),
        reasons=[f"{name}: {why}" for name, health in found.items() for why in health.reasons],
    )
