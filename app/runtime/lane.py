"""The lane as a service of the shell."""

import asyncio
import gc
from typing import Final, Protocol

import structlog
from mode import Service

from app.telemetry.health import Health

COLLECT_AFTER: Final = (20_000, 10, 10)
"""A batch makes tens of thousands of objects that hold no cycles: Python's own thresholds (700, 10,
10) would look through the contact cache again and again, a third of the worker's time."""

log = structlog.get_logger(__name__)


class LaneRunner(Protocol):
    """What bootstrap builds."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain and return. Raises on a bug, or when halted."""
        ...

    def health(self) -> Health:
        """Ready: every assigned partition is worked on."""
        ...


class LaneService(Service):
    """Runs one lane. Its end without being asked is a bug, its exception crashes the shell."""

    mundane_level = "debug"

    def __init__(self, lane: LaneRunner, *, drain_timeout_seconds: float) -> None:
        super().__init__()
        self.lane = lane
        self._drain_timeout_seconds = drain_timeout_seconds
        self._stop_lane = asyncio.Event()
        self._ended = asyncio.Event()

    async def on_start(self) -> None:
        """What was imported lives as long as the process: the collector need not look at it."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECT_AFTER)

    @Service.task
    async def _drive(self) -> None:
        try:
            await self.lane.run(self._stop_lane)
        finally:
            self._ended.set()
        if not self._stop_lane.is_set():
            raise AssertionError("the lane ended though nothing had asked it to")

    async def on_stop(self) -> None:
        """Ask the lane to drain and wait, bounded; then its task is cancelled."""
        self._stop_lane.set()
        try:
            async with asyncio.timeout(self._drain_timeout_seconds):
                await self._ended.wait()
        except TimeoutError:
            log.warning(
                "the lane did not drain in time; the next owner takes over",
                drain_timeout_seconds=self._drain_timeout_seconds,
            )
