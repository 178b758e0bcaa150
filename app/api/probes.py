"""Is it alive, is it ready, what do its metrics say: unversioned, open to everybody."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from app.api.describing import public
from app.api.problems import Problem
from app.telemetry.health import Health
from app.telemetry.metrics import Metrics

EXPOSITION: Final = "text/plain; version=0.0.4"
TAG: Final = "Operations"


def probes(health: Callable[[], Awaitable[Health]], metrics: Metrics) -> list[HTTPRouteHandler]:
    @get("/livez", summary="Is the process alive?", **public(TAG))
    async def livez() -> dict[str, bool]:
        return {"live": True}

    @get("/readyz", summary="Can it do its work now?", **public(TAG, (503,)))
    async def readyz() -> dict[str, bool]:
        found = await health()
        if not found.ready:
            raise Problem(503, "not-ready", "; ".join(found.reasons), reasons=found.reasons)
        return {"ready": True}

    @get("/healthz", summary="Both, and what is the matter", **public(TAG))
    async def healthz() -> dict[str, Any]:
        found = await health()
        return {"live": True, "ready": found.ready, "reasons": found.reasons}

    @get("/metrics", summary="Prometheus metrics", media_type=EXPOSITION, **public(TAG))
    async def exposition() -> Response[bytes]:
        metrics.ready.set((await health()).ready)
        return Response(metrics.exposition(), media_type=EXPOSITION)

    return [livez, readyz, healthz, exposition]
