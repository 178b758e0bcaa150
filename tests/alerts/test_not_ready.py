"""FunnelNotReady: a process that can't work, and workers that are not there."""

import signal
from pathlib import Path

import httpx

from tests.alerts.prometheus import prometheus
from tests.alerts.runbook import Runbook
from tests.security.test_service import Installation, Process

PAGE = Runbook("not-ready")


async def reasons(process: Process) -> str:
    """As the page has it asked."""
    assert PAGE.command("curl", URL=process.url) == f"curl {process.url}/readyz"
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{process.url}/readyz", timeout=10)
    return answer.text


async def test_a_database_that_is_away_and_comes_back(
    installation: Installation, home: Path
) -> None:
    async with (
        installation.start("worker") as worker,
        installation.start("webhooks") as webhooks,
        prometheus(home, [worker.url, webhooks.url]) as watching,
    ):
        await watching.until_quiet()
        await installation.postgres.server.stop()
        try:
            for process in (worker, webhooks):
                await watching.until_fires("FunnelNotReady", instance=process.url[7:])
                assert "PostgreSQL" in await reasons(process)
            PAGE.says("Kafka or PostgreSQL away: bring them back")
        finally:
            await installation.postgres.server.start()
        await watching.until_ends("FunnelNotReady")
        await watching.until_quiet()


async def test_workers_that_are_gone_while_the_api_is_well(
    installation: Installation, home: Path
) -> None:
    async with installation.start("api") as api, prometheus(home) as watching:
        async with installation.start("worker") as worker:
            watching.watch(api.url, worker.url)
            await watching.until_seen(2)
            await watching.until_quiet()
            await worker.end(signal.SIGKILL)
            await watching.until_fires("FunnelNotReady")
            assert [labels.get("instance") for labels in await watching.firing()] == [None]
        PAGE.says("No worker: start one (`funnel worker`")
        async with installation.start("worker") as another:
            watching.watch(api.url, another.url)
            await watching.until_ends("FunnelNotReady")
            await watching.until_quiet()
