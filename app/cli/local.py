"""The whole service on one machine, in one process: what `funnel dev` and `funnel demo` run."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import printing
from app.errors import Unavailable

if TYPE_CHECKING:
    from mode import Service

    from app.runtime.embedded.stack import EmbeddedStack
    from app.settings import Http, Settings
    from app.telemetry.metrics import Metrics

KAFKA_PORT = 9092
COORDINATOR_QUESTIONS_MAX = 100
GROUP, TRANSACTION = 0, 1
"""Kinds of coordinator, as the protocol numbers them."""

Wipe = Annotated[bool, typer.Option("--wipe", help="Begin with no data. Default: go on with it.")]
KafkaPort = Annotated[
    int, typer.Option(min=0, max=65535, help="Port of the embedded Kafka; 0 picks a free one.")
]
HttpPort = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port of the HTTP API; 0 picks a free one. Default: 8080."),
]


@dataclass(frozen=True)
class Options:
    kafka_port: int
    http_port: int | None
    wipe: bool
    directory: str
    """Where the data lies, below the data directory of the settings."""


@dataclass(frozen=True)
class Local:
    """A running service on its embedded stack."""

    settings: "Settings"
    metrics: "Metrics"
    http_url: str
    stack_file: Path
    ended: "asyncio.Task[int]"
    """The worker's exit code, once it has ended."""


class _Interrupted(Exception):
    """Told to stop before everything had started."""


async def run_local(
    options: Options,
    say: Callable[[str], None],
    body: Callable[[Local, asyncio.Event], Awaitable[int]],
) -> int:
    """Start all of it, run `body` until it returns its exit code, and stop all of it.

    The event is set by Ctrl-C or SIGTERM. 1 also where the worker ended with a bug.
    """
    from app.runtime.signals import stop_on_signals

    with stop_on_signals() as stop:
        async with AsyncExitStack() as standing:
            try:
                with _cancelled_by(stop):
                    local = await standing.enter_async_context(_service(options, say))
            except _Interrupted:
                say("stopped before it was ready")
                return 1
            code = await body(local, stop)
            say("stopping")
        return code or local.ended.result()


@asynccontextmanager
async def _service(options: Options, say: Callable[[str], None]) -> AsyncIterator[Local]:
    from app.cli import settings, stack_file
    from app.runtime.embedded.stack import embedded_stack

    found = settings.load_without_stack()
    stack_file.refuse_second(found.data_dir)
    refuse_taken(options.http_port if options.http_port is not None else found.http.port)
    async with embedded_stack(
        found.data_dir / options.directory,
        kafka_port=options.kafka_port,
        wipe=options.wipe,
        progress=say,
    ) as stack:
        effective = settings.load_without_stack(
            **_addresses(stack, options, found.http), webhooks=_receivers_here(found)
        )
        await _prepare(effective)
        say("starting the worker and the API")
        async with _worker(effective, stack) as local:
            yield local


def refuse_taken(http_port: int) -> None:
    """SetupError now, not after the stack has started."""
    from app.runtime.embedded.ports import choose_port

    if http_port != 0:
        choose_port(http_port, "HTTP", "--http-port")


def _addresses(stack: "EmbeddedStack", options: Options, http: "Http") -> dict[str, Any]:
    """All roles share one port, that of the settings `http`; whoever is on this machine may ask."""
    port = http.port if options.http_port is None else options.http_port
    return {
        "kafka": {"bootstrap_servers": stack.bootstrap_servers},
        "database": {"url": stack.database_url},
        "api": {"host": http.host, "port": port, "access": "open"},
    }


def _receivers_here(settings: "Settings") -> dict[str, Any]:
    """Webhooks may lead to this machine, without TLS, unless told otherwise."""
    here = {"allow_http": True, "allow_networks": "127.0.0.0/8, ::1/128"}
    return {
        name: value
        for name, value in here.items()
        if name not in settings.webhooks.model_fields_set
    }


async def _prepare(settings: "Settings") -> None:
    from app.cli.topics import apply_topics
    from app.storage.migrate import migrate

    await migrate(settings.database, finish=True)  # nothing else runs on it
    await apply_topics(settings)
    await _coordinators_are_up(settings)


async def _coordinators_are_up(settings: "Settings") -> None:
    """A new broker makes the topics its coordinators need when first asked, and can't answer yet.

    Asked here, the worker need not back off and begins seconds earlier.
    """
    from aiokafka.errors import GroupCoordinatorNotAvailableError

    from app.cli.broker import broker

    async with broker(settings.kafka) as admin:
        for _ in range(COORDINATOR_QUESTIONS_MAX):
            try:
                await admin.find_coordinator(settings.kafka.group_id, GROUP)
                await admin.find_coordinator(settings.kafka.group_id, TRANSACTION)
            except GroupCoordinatorNotAvailableError:
                await asyncio.sleep(0.1)
            else:
                return


@asynccontextmanager
async def _worker(settings: "Settings", stack: "EmbeddedStack") -> AsyncIterator[Local]:
    from app.bootstrap import build_lanes
    from app.bootstrap_api import build_api_services
    from app.bootstrap_webhooks import build_webhooks
    from app.cli.stack_file import StackFile, standing
    from app.runtime.lane import LaneRunner, health_of, lane_services
    from app.runtime.shell import run
    from app.telemetry.metrics import Metrics

    metrics = Metrics()
    drain = settings.lane.drain_timeout_seconds
    roles: dict[str, LaneRunner] = {
        **build_lanes(settings, metrics),
        "webhooks": build_webhooks(settings, metrics),
    }

    async def roles_are_well() -> None:
        health = health_of(roles)
        if not health.ready:
            raise Unavailable("; ".join(health.reasons))

    api = build_api_services(settings, metrics, {"Worker": roles_are_well})

    def services() -> list["Service"]:
        return [*api, *lane_services(roles, drain_timeout_seconds=drain)]

    stop, started = asyncio.Event(), asyncio.Event()
    ended = asyncio.create_task(
        run(services, drain_timeout_seconds=drain, stop=stop, started=started)
    )
    try:
        await first_of(started.wait(), ended)
        if ended.done():
            ended.result()
        pids = {"funnel": os.getpid(), "kafka": stack.kafka.pid, "postgres": stack.postgres.pid}
        where = StackFile(stack.bootstrap_servers, stack.database_url, api.web.url, pids)
        with standing(settings.data_dir, where) as place:
            yield Local(settings, metrics, api.web.url, place, ended)
    finally:
        stop.set()
        await asyncio.wait([ended])


async def first_of(*waits: Awaitable[object]) -> None:
    """Until one of them is done; a coroutine that is not is cancelled, a task goes on."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    own = [task for task, wait in zip(tasks, waits, strict=True) if task is not wait]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in own:
            task.cancel()
        await asyncio.gather(*own, return_exceptions=True)


@contextmanager
def _cancelled_by(stop: asyncio.Event) -> Iterator[None]:
    """The body is cancelled when `stop` is set; raises _Interrupted then."""
    body = asyncio.current_task()
    assert body is not None
    watcher = asyncio.create_task(stop.wait())
    watcher.add_done_callback(lambda watch: None if watch.cancelled() else body.cancel() and None)
    try:
        yield
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
        body.uncancel()
        raise _Interrupted from None
    finally:
        watcher.cancel()


def say_on_stderr(text: str) -> None:
    printing.note(f"· {text}")
