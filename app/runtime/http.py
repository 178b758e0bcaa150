"""The private port of a worker: is it alive, is it ready, what do its metrics say."""

import errno
from collections.abc import Callable

from aiohttp import web
from mode import Service

from app.errors import SetupError
from app.telemetry.health import Health
from app.telemetry.metrics import Metrics

PROBLEM = "application/problem+json"
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class HttpService(Service):
    """Serves /livez, /readyz, /healthz and /metrics. `port` 0 picks a free one."""

    mundane_level = "debug"

    def __init__(
        self, health: Callable[[], Health], metrics: Metrics, *, host: str, port: int
    ) -> None:
        super().__init__()
        self.host = host
        self.port = port
        """Once started, the port that is really listened on."""
        self._health = health
        self._metrics = metrics
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def on_start(self) -> None:
        """SetupError where the port is taken."""
        routes = web.Application()
        routes.router.add_get("/livez", self._livez)
        routes.router.add_get("/readyz", self._readyz)
        routes.router.add_get("/healthz", self._healthz)
        routes.router.add_get("/metrics", self._exposition)
        self._runner = web.AppRunner(routes, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self.host, self.port).start()
        except OSError as failed:
            await self._runner.cleanup()
            raise SetupError(_explain(failed, self.host, self.port)) from None
        self.port = self._runner.addresses[0][1]

    async def on_stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _readyz(self, request: web.Request) -> web.Response:
        health = self._health()
        if health.ready:
            return web.json_response({"ready": True})
        problem = {
            "type": "about:blank",
            "title": "Not ready",
            "status": 503,
            "detail": "; ".join(health.reasons),
            "instance": request.path,
            "reasons": health.reasons,
        }
        return web.json_response(problem, status=503, content_type=PROBLEM)

    async def _healthz(self, _request: web.Request) -> web.Response:
        health = self._health()
        return web.json_response({"live": True, "ready": health.ready, "reasons": health.reasons})

    async def _exposition(self, _request: web.Request) -> web.Response:
        self._metrics.ready.set(self._health().ready)
        return web.Response(body=self._metrics.exposition(), headers={"content-type": EXPOSITION})


def _explain(failed: OSError, host: str, port: int) -> str:
    if failed.errno == errno.EADDRINUSE:
        return (
            f"HTTP port {port} on {host} is taken: stop what listens there, or choose another "
            "with --http-port or FUNNEL_HTTP__PORT (0 picks a free one)"
        )
    return f"can't listen on {host}:{port}: {failed.strerror or failed}"
