"""The process: one faust.App whose services start in order, and stop in reverse within a bound.

Faust's own Kafka client stays off (DECISIONS: Faust is the shell, not the ingest path), and so
does ``faust worker``: signals, the drain and the exit code are decided here.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast, runtime_checkable

import faust
import structlog
from faust.app.base import BootStrategy
from faust.contrib.asgi import bind_to_running_loop
from mode import Service

from app.errors import FunnelError
from app.runtime.signals import stop_on_signals

STOP_MARGIN_SECONDS: Final = 2.0
"""What stopping everything else may take beyond the drain."""

log = structlog.get_logger(__name__)


class _WithoutKafka(BootStrategy):
    enable_kafka = False
    enable_web = False


class _NoConsumer:
    """What a stream asks about acknowledgements: on channels there are none."""

    def __init__(self) -> None:
        self.unacked: set[Any] = set()
        self._unacked_messages = self.unacked  # the compiled stream's name for them

    async def on_task_error(self, _error: BaseException) -> None:
        """Of an agent."""


class Shell(faust.App):
    BootStrategy = _WithoutKafka
    mundane_level = "debug"

    async def on_start(self) -> None:
        """Only finalize: Faust's own also makes a consumer, with a thread and a loop of its own; so
        would the first agent."""
        self.consumer = cast(Any, _NoConsumer())
        self.finalize()

    async def on_stop(self) -> None:
        """Faust's own would flush a producer that was never started."""


@runtime_checkable
class OfTheApp(Protocol):
    """A service that brings agents: it is told the app before it starts."""

    def enter(self, app: faust.App) -> None: ...


async def run(
    services: Callable[[], Sequence[Service]],
    *,
    drain_timeout_seconds: float,
    stop: asyncio.Event | None = None,
    started: asyncio.Event | None = None,
) -> int:
    """Run `services` until told to stop or one crashes; the process's exit code, 0 or 1.

    Told by `stop`, or by SIGTERM and SIGINT where that is None. They start in order and stop in
    reverse, all within `drain_timeout_seconds` + 2 s. Raises the FunnelError a service could not
    start for, or ended with: those are for people, everything else is a bug and logged as one.
    """
    if stop is not None:
        return await _run(services, drain_timeout_seconds, stop, started or asyncio.Event())
    force = drain_timeout_seconds + 2 * STOP_MARGIN_SECONDS
    with stop_on_signals(force_after_seconds=force) as signalled:
        return await _run(services, drain_timeout_seconds, signalled, started or asyncio.Event())


async def _run(
    services: Callable[[], Sequence[Service]],
    drain_timeout_seconds: float,
    stop: asyncio.Event,
    started: asyncio.Event,
) -> int:
    app = Shell("funnel")
    bind_to_running_loop(app)
    running: list[Service] = []
    try:
        await app.start()
        for service in services():
            running.append(service)
            if isinstance(service, OfTheApp):
                service.enter(app)
            await app.add_runtime_dependency(service)
        started.set()
        await _first_of(stop.wait(), app.wait_until_stopped())
    finally:
        await _stop_within(app, drain_timeout_seconds + STOP_MARGIN_SECONDS)
    return _verdict(running)


async def _first_of(*waits: Any) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _stop_within(app: Shell, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await app.stop()
    except TimeoutError:
        log.warning("not stopped in time, ending anyway", waited_seconds=seconds)


def _verdict(services: Sequence[Service]) -> int:
    for service in services:
        reason = service.crash_reason
        if isinstance(reason, FunnelError):
            raise reason
        if reason is not None:
            log.error(
                "a bug ended the process; please report it with these lines",
                exc_info=reason,
            )
            return 1
    return 0
