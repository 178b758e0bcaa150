"""`funnel api`: the HTTP API, for production. Run as many as are needed."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.settings import Settings

HttpPort = Annotated[
    int | None,
    typer.Option(min=0, max=65535, help="Port; 0 picks a free one. Default: 8081."),
]
HttpHost = Annotated[str | None, typer.Option(help="Address. Default: loopback only.")]


def api(http_port: HttpPort = None, http_host: HttpHost = None) -> None:
    """Serve the HTTP API until SIGTERM or Ctrl-C: it answers what was asked, and exits 0.

    Who may ask is said by FUNNEL_API__TOKENS (static tokens) and FUNNEL_API__JWT_…; without either
    everybody is refused. FUNNEL_API__ACCESS=open lets everybody in, on loopback only.
    """
    import uvloop

    from app.cli import settings

    given = {"host": http_host, "port": http_port}
    overrides = {name: value for name, value in given.items() if value is not None}
    found = settings.load(level="info", api=overrides)
    raise typer.Exit(uvloop.run(_serve(found)))


async def _serve(settings: "Settings") -> int:
    import structlog
    from mode import Service

    from app.bootstrap_api import build_api_services
    from app.runtime.shell import run
    from app.telemetry.metrics import Metrics

    metrics = Metrics()

    def services() -> list[Service]:
        if settings.api.access == "open":
            log = structlog.get_logger(__name__)
            log.warning("access is open: everybody on this machine may do everything")
        return list(build_api_services(settings, metrics))

    return await run(services, drain_timeout_seconds=settings.lane.drain_timeout_seconds)
