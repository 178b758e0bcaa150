"""`funnel webhooks`: delivers events to receivers, for production. Run as many as are needed."""

from typing import TYPE_CHECKING

import typer

from app.cli.roles import HttpHost, HttpPort, run_role

if TYPE_CHECKING:
    from app.runtime.lane import LaneRunner
    from app.settings import Settings
    from app.telemetry.metrics import Metrics


def webhooks(http_port: HttpPort = None, http_host: HttpHost = None) -> None:
    """Deliver events to webhooks until SIGTERM or Ctrl-C: what is under way may end, it exits 0.

    Webhooks are made by the HTTP API. Set FUNNEL_WEBHOOKS__SECRET_KEY, here and for the API, so
    that PostgreSQL holds their signing secrets sealed. A second Ctrl-C ends it at once.
    """
    raise typer.Exit(run_role("webhooks", http_host, http_port, _build))


def _build(settings: "Settings", metrics: "Metrics") -> "dict[str, LaneRunner]":
    import structlog

    from app.bootstrap_webhooks import build_webhooks

    if not settings.webhooks.secret_keys:
        structlog.get_logger(__name__).warning(
            "signing secrets are stored plain: FUNNEL_WEBHOOKS__SECRET_KEY seals them"
        )
    return {"webhooks": build_webhooks(settings, metrics)}
