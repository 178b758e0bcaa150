"""What-ifs as jobs: bounded, of one tenant, forgotten in the end."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from app.api.problems import Problem
from app.api.simulations import Progress, Simulation, Simulations
from app.domain.what_if_report import Report
from app.errors import FunnelError


class Runs:
    """Each goes on until it is told to end."""

    def __init__(self) -> None:
        self.end: asyncio.Future[Report] = asyncio.get_running_loop().create_future()

    async def __call__(
        self, tenant: str, candidate: Mapping[str, Any], progress: Progress
    ) -> Report:
        progress(3, 10)
        return await self.end


def made(runs: Runs, kept: int = 2) -> Simulations:
    return Simulations(runs, lambda: 0, running_max=1, kept_max=kept, timeout_seconds=60)


async def ended(simulations: Simulations, job: Simulation) -> None:
    await asyncio.gather(*simulations._tasks)
    assert job.state != "running"


async def test_it_tells_how_far_it_is_and_is_one_at_a_time() -> None:
    runs = Runs()
    simulations = made(runs)
    job = simulations.start("acme", "jo", "strict@1", {})
    await asyncio.sleep(0)
    assert (job.state, job.contacts_read, job.contacts) == ("running", 3, 10)
    with pytest.raises(Problem) as refused:
        simulations.start("acme", "jo", "strict@1", {})
    assert refused.value.details.status == 429
    await simulations.close()


async def test_another_tenant_does_not_find_it() -> None:
    runs = Runs()
    simulations = made(runs)
    job = simulations.start("acme", "jo", "strict@1", {})
    assert simulations.find("acme", job.id) is job
    with pytest.raises(Problem):
        simulations.find("default", job.id)
    assert simulations.of("default") == []
    await simulations.close()


async def test_why_it_failed_is_told() -> None:
    runs = Runs()
    simulations = made(runs)
    job = simulations.start("acme", "jo", "strict@1", {})
    runs.end.set_exception(FunnelError("a process ended by itself"))
    await ended(simulations, job)
    assert (job.state, job.problem) == ("failed", "a process ended by itself")


async def test_the_oldest_are_forgotten() -> None:
    jobs = []
    runs = Runs()
    simulations = made(runs)
    for _ in range(4):
        runs.end = asyncio.get_running_loop().create_future()
        jobs.append(simulations.start("acme", "jo", "strict@1", {}))
        await asyncio.sleep(0)
        runs.end.set_exception(FunnelError("no"))
        await ended(simulations, jobs[-1])
    assert len(simulations.of("acme")) <= 3
    with pytest.raises(Problem):
        simulations.find("acme", jobs[0].id)
