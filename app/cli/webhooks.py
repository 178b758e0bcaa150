"""`funnel webhooks`: delivers events to receivers, for production. Run as many as are needed."""

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
HttpHost = Annotated[
    str | None, typer.Option(help="Address of probes and metrics. Default: loopback only.")
]


def webhooks(http_port: HttpPort = None, http_host: HttpHost = None) -> None:
    """Deliver events to webhooks until SIGTERM or Ctrl-C: what is under way may end, it exits 0.

    Webhooks are made by the HTTP API. Set FUNNEL_WEBHOOKS__SECRET_KEY, here and for the API, so
    that PostgreSQL holds their signing secrets sealed. A second Ctrl-C ends it at once.
    """
    import uvloop

    from app.cli import settings

    http = {"host": http_host, "port": http_port}
    given = {name: value for name, value in http.items() if value is not None}
    found = settings.load(level="info", http=given)
    raise typer.Exit(uvloop.run(_deliver(found)))


async def _deliver(settings: "Settings") -> int:
    import structlog
    from mode import Service

    from app.bootstrap_webhooks import build_webhooks
    from app.runtime.http import HttpService
    from app.runtime.lane import health_of, lane_services
    from app.runtime.shell import run
    from app.telemetry.metrics import Metrics

    metrics = Metrics()
    drain = settings.lane.drain_timeout_seconds

    def services() -> list[Service]:
        roles = {"webhooks": build_webhooks(settings, metrics)}
        http = HttpService(
            lambda: health_of(roles), metrics, host=settings.http.host, port=settings.http.port
        )
        log = structlog.get_logger(__name__)
        log.info("webhooks starting", http_port=settings.http.port)
        if not settings.webhooks.secret_keys:
            log.warning("signing secrets are stored plain: FUNNEL_WEBHOOKS__SECRET_KEY seals them")
        return [http, *lane_services(roles, drain_timeout_seconds=drain)]

    return await run(services, drain_timeout_seconds=drain)
