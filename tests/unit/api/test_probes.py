"""Probes and metrics: on the API's port, or on a private one and there alone."""

import asyncio

import httpx
import pytest

from app.bootstrap_api import build_api, build_api_services
from app.errors import SetupError
from app.runtime.shell import run
from app.telemetry.metrics import Metrics
from tests.unit.api.asking import api, asking, bearer, settings

PATHS = ("/livez", "/healthz", "/metrics", "/readyz")


async def test_without_a_private_port_they_are_on_the_apis() -> None:
    async with api() as client:
        answered = [(await client.get(path)).status_code for path in PATHS]
    assert answered == [200, 200, 200, 503]


async def test_on_a_private_port_they_are_there_alone() -> None:
    built = build_api(settings(probes_port=0), Metrics())
    assert built.probes is not None
    async with asking(built.application, bearer("everything")) as public:
        assert {(await public.get(path)).status_code for path in PATHS} == {404}
        assert (await public.get("/v1/models/strict@1")).status_code == 200
    async with asking(built.probes) as private:
        answered = [await private.get(path) for path in PATHS]
        assert (await private.get("/v1/models/strict@1")).status_code == 404
        assert (await private.get("/schema")).status_code == 404
    assert [each.status_code for each in answered] == [200, 200, 200, 503]
    assert b"funnel_ready 0.0" in answered[2].content
    assert answered[3].json()["type"] == "urn:funnel:problem:not-ready"
    await built.close()


async def test_a_private_port_is_served_beside_the_other() -> None:
    services = build_api_services(settings(port=0, probes_port=0), Metrics())
    assert services.probes is not None
    stop, started = asyncio.Event(), asyncio.Event()
    both = [services.web, services.probes]
    running = asyncio.create_task(
        run(lambda: both, drain_timeout_seconds=1.0, stop=stop, started=started)
    )
    await started.wait()
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{services.probes.url}/livez")).status_code == 200
        assert (await client.get(f"{services.web.url}/livez")).status_code == 404
    taken = build_api_services(settings(probes_port=services.probes.port), Metrics())
    assert taken.probes is not None
    with pytest.raises(SetupError, match="FUNNEL_API__PROBES_PORT"):
        await taken.probes.on_start()
    stop.set()
    assert await running == 0
