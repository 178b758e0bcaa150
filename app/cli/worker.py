"""`funnel worker`: a lane of each kind, for production. Run as many as there are cores."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.settings import Settings

HttpPort = Annotated[
    int | None,
    typer.Option(
        min=0, max=65535, help="Port of probes and metrics; 0 picks a free one. Default: 8080."
    ),
]


def worker(
    http_port: HttpPort = None,
    http_host: Annotated[
        str | None, typer.Option(help="Address of probes and metrics. Default: loopback only.")
    ] = None,
) -> None:
    """Run one worker until SIGTERM or Ctrl-C: it drains, hands its partitions on, and exits 0.

    A second Ctrl-C ends it at once. Exit code 1 means a bug, or that it must not go on.
    """
    import uvloop

    from app.cli import settings

    http = {"host": http_host, "port": http_port}
    given = {name: value for name, value in http.items() if value is not None}
    found = settings.load(level="info", http=given)
    raise typer.Exit(uvloop.run(_work(found)))


async def _work(settings: "Settings") -> int:
    import structlog
    from mode import Service

    from app.bootstrap import build_lanes
    from app.runtime.http import HttpService
    from app.runtime.lane import health_of, lane_services
    from app.runtime.shell import run
    from app.telemetry.metrics import Metrics

    metrics = Metrics()
    drain = settings.lane.drain_timeout_seconds

    def services() -> list[Service]:
        lanes = build_lanes(settings, metrics)
        http = HttpService(
            lambda: health_of(lanes), metrics, host=settings.http.host, port=settings.http.port
        )
        structlog.get_logger(__name__).info("worker starting", http_port=settings.http.port)
        return [http, *lane_services(lanes, drain_timeout_seconds=drain)]

    return await run(services, drain_timeout_seconds=drain)
