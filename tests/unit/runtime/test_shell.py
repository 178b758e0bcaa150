import asyncio
import logging
import os
import signal
from collections.abc import Sequence

import aiohttp
import pytest
import structlog
from mode import Service

from app.errors import Halted, SetupError
from app.runtime.http import HttpService
from app.runtime.lane import LaneService, health_of, lane_services
from app.runtime.shell import run
from app.telemetry import logs
from app.telemetry.health import Health
from app.telemetry.metrics import Metrics

NOT_READY = Health(ready=False, reasons=["partition 3 is being taken over"])


class Lane:
    """A lane that drains at once, or as told."""

    def __init__(self, fails_with: Exception | None = None, drains: bool = True) -> None:
        self.fails_with = fails_with
        self.drains = drains
        self.running = asyncio.Event()
        self.drained = False

    async def run(self, stop: asyncio.Event) -> None:
        self.running.set()
        if self.fails_with is not None:
            raise self.fails_with
        await stop.wait()
        if not self.drains:
            await asyncio.Event().wait()
        self.drained = True

    def health(self) -> Health:
        return NOT_READY if not self.running.is_set() else Health(ready=True)


def lane_service(lane: Lane, drain_timeout_seconds: float = 5.0) -> LaneService:
    (service,) = lane_services({"contacts": lane}, drain_timeout_seconds=drain_timeout_seconds)
    return service


async def test_stop_drains_the_lane_and_exits_0() -> None:
    lane, stop = Lane(), asyncio.Event()
    ended = asyncio.create_task(
        run(lambda: [lane_service(lane)], drain_timeout_seconds=5.0, stop=stop)
    )
    await lane.running.wait()
    stop.set()
    assert await ended == 0
    assert lane.drained


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_drains_the_lane_and_exits_0(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks: list[float] = []  # a real one would end these tests
    monkeypatch.setattr("app.runtime.signals.end_by_force_after", clocks.append)
    lane = Lane()
    ended = asyncio.create_task(run(lambda: [lane_service(lane)], drain_timeout_seconds=60.0))
    await lane.running.wait()
    os.kill(os.getpid(), number)
    assert await ended == 0
    assert lane.drained
    assert len(clocks) == 1
    assert clocks[0] > 60.0


async def test_bug_in_the_lane_exits_1() -> None:
    lane = Lane(fails_with=ZeroDivisionError("division by zero"))
    assert await run(lambda: [lane_service(lane)], drain_timeout_seconds=5.0) == 1


async def test_bug_is_reported_once_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("warning", "json")
    try:
        await run(
            lambda: [lane_service(Lane(fails_with=ZeroDivisionError("by zero")))],
            drain_timeout_seconds=5.0,
        )
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)
    (line,) = capsys.readouterr().err.splitlines()
    assert "a bug ended the process" in line
    assert "ZeroDivisionError" in line


async def test_lane_that_ends_unasked_is_a_bug() -> None:
    class Quitter(Lane):
        async def run(self, stop: asyncio.Event) -> None:
            return

    assert await run(lambda: [lane_service(Quitter())], drain_timeout_seconds=5.0) == 1


async def test_error_for_people_reaches_the_caller() -> None:
    lane = Lane(fails_with=Halted("topic recreated"))
    with pytest.raises(Halted, match="topic recreated"):
        await run(lambda: [lane_service(lane)], drain_timeout_seconds=5.0)


async def test_lane_that_does_not_drain_is_given_up_after_the_time_out() -> None:
    lane, stop = Lane(drains=False), asyncio.Event()
    ended = asyncio.create_task(
        run(lambda: [lane_service(lane, 0.01)], drain_timeout_seconds=0.01, stop=stop)
    )
    await lane.running.wait()
    stop.set()
    assert await ended == 0
    assert not lane.drained


async def test_lanes_drain_side_by_side() -> None:
    class Patient(Lane):
        """Drains only once the other has."""

        async def run(self, stop: asyncio.Event) -> None:
            await super().run(stop)
            await other_drained.wait()

    class Other(Lane):
        async def run(self, stop: asyncio.Event) -> None:
            await super().run(stop)
            other_drained.set()

    other_drained, stop = asyncio.Event(), asyncio.Event()
    lanes = {"contacts": Other(), "accounts": Patient()}
    services = lane_services(lanes, drain_timeout_seconds=60.0)
    ended = asyncio.create_task(run(lambda: services, drain_timeout_seconds=60.0, stop=stop))
    for lane in lanes.values():
        await lane.running.wait()
    stop.set()
    assert await ended == 0


async def test_a_bug_in_one_lane_drains_the_other_and_exits_1() -> None:
    lanes = {"contacts": Lane(), "accounts": Lane(fails_with=ZeroDivisionError("by zero"))}
    services = lane_services(lanes, drain_timeout_seconds=5.0)
    assert await run(lambda: services, drain_timeout_seconds=5.0) == 1
    assert lanes["contacts"].drained


async def test_a_process_is_ready_when_each_of_its_lanes_is() -> None:
    ready, starting = Lane(), Lane()
    ready.running.set()
    assert health_of({"contacts": ready, "accounts": ready}) == Health(ready=True)
    assert health_of({"contacts": ready, "accounts": starting}) == Health(
        ready=False, reasons=["accounts: partition 3 is being taken over"]
    )


async def test_services_stop_in_reverse_order_of_start() -> None:
    order: list[str] = []

    class Recorder(Service):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.called = name

        async def on_start(self) -> None:
            order.append(f"start {self.called}")

        async def on_stop(self) -> None:
            order.append(f"stop {self.called}")

    def services() -> Sequence[Service]:
        return [Recorder("http"), Recorder("lane")]

    stop = asyncio.Event()
    stop.set()
    await run(services, drain_timeout_seconds=5.0, stop=stop)
    assert order == ["start http", "start lane", "stop lane", "stop http"]


async def served(health: Health, path: str) -> tuple[int, str, str]:
    service = HttpService(lambda: health, Metrics(), host="127.0.0.1", port=0)
    stop, started = asyncio.Event(), asyncio.Event()
    ended = asyncio.create_task(
        run(lambda: [service], drain_timeout_seconds=5.0, stop=stop, started=started)
    )
    await started.wait()
    async with aiohttp.ClientSession() as session, session.get(service.url + path) as answer:
        got = answer.status, answer.content_type, await answer.text()
    stop.set()
    assert await ended == 0
    return got


@pytest.mark.parametrize(
    ("path", "health", "status", "content_type", "says"),
    [
        ("/livez", NOT_READY, 200, "application/json", "true"),
        ("/readyz", Health(ready=True), 200, "application/json", "true"),
        ("/readyz", NOT_READY, 503, "application/problem+json", "partition 3 is being taken over"),
        ("/healthz", NOT_READY, 200, "application/json", "partition 3 is being taken over"),
        ("/metrics", NOT_READY, 200, "text/plain", "funnel_ready 0.0"),
        ("/metrics", Health(ready=True), 200, "text/plain", "funnel_ready 1.0"),
    ],
)
async def test_probe_answers(
    path: str, health: Health, status: int, content_type: str, says: str
) -> None:
    got_status, got_type, body = await served(health, path)
    assert (got_status, got_type) == (status, content_type)
    assert says in body


async def test_taken_port_is_an_error_that_says_so_and_stops_what_had_started() -> None:
    taken = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    lane = Lane()
    http = HttpService(lane.health, Metrics(), host="127.0.0.1", port=port)
    with pytest.raises(SetupError, match=f"port {port} .* is taken"):
        await run(lambda: [lane_service(lane), http], drain_timeout_seconds=5.0)
    assert lane.drained
    taken.close()
    await taken.wait_closed()
