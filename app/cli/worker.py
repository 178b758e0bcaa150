"""`funnel worker`: a lane of each kind, for production. Run as many as there are cores."""

from typing import TYPE_CHECKING

import typer

from app.cli.roles import HttpHost, HttpPort, run_role

if TYPE_CHECKING:
    from app.handling.lane import Lane
    from app.settings import Settings
    from app.telemetry.metrics import Metrics


def worker(http_port: HttpPort = None, http_host: HttpHost = None) -> None:
    """Run one worker until SIGTERM or Ctrl-C: it drains, hands its partitions on, and exits 0.

    A second Ctrl-C ends it at once. Exit code 1 means a bug, or that it must not go on.
    """
    raise typer.Exit(run_role("worker", http_host, http_port, _build))


def _build(settings: "Settings", metrics: "Metrics") -> "dict[str, Lane]":
    from app.bootstrap import build_lanes

    return build_lanes(settings, metrics)
