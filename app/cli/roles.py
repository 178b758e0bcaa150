"""Roles that have probes and metrics on a small port of their own, as processes."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.runtime.lane import LaneRunner
    from app.settings import Settings
    from app.telemetry.metrics import Metrics

HttpPort = Annotated[
    int | None,
    typer.Option(
        min=0, max=65535, help="Port of probes and metrics; 0 picks a free one. Default: 8080."
    ),
]
HttpHost = Annotated[
    str | None, typer.Option(help="Address of probes and metrics. Default: loopback only.")
]


def run_role(
    name: str,
    http_host: str | None,
    http_port: int | None,
    build: "Callable[[Settings, Metrics], Mapping[str, LaneRunner]]",
) -> int:
    """Until SIGTERM or Ctrl-C; the exit code. Raises FunnelError where it must not go on."""
    import uvloop

    from app.cli import settings

    http = {"host": http_host, "port": http_port}
    given = {key: value for key, value in http.items() if value is not None}
    return uvloop.run(_run(name, settings.load(level="info", http=given), build))


async def _run(
    name: str,
    settings: "Settings",
    build: "Callable[[Settings, Metrics], Mapping[str, LaneRunner]]",
) -> int:
    import structlog
    from mode import Service

    from app.runtime.http import HttpService
    from app.runtime.lane import health_of, lane_services
    from app.runtime.shell import run
    from app.telemetry.metrics import Metrics

    metrics = Metrics()
    drain = settings.lane.drain_timeout_seconds

    def services() -> list[Service]:
        parts = build(settings, metrics)
        http = HttpService(
            lambda: health_of(parts), metrics, host=settings.http.host, port=settings.http.port
        )
        structlog.get_logger(__name__).info(f"{name} starting", http_port=settings.http.port)
        return [http, *lane_services(parts, drain_timeout_seconds=drain)]

    return await run(services, drain_timeout_seconds=drain)
