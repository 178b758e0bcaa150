"""What-ifs as jobs: a bounded number at once, each on processes of its own, told how far they are.

They are of this process: they end with it, and another process of the API does not know them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from secrets import token_hex
from typing import Any, Protocol

import msgspec
import structlog

from app.api.problems import Problem
from app.domain.interaction import Microseconds
from app.domain.timestamps import format_rfc3339
from app.domain.what_if_report import Report
from app.errors import FunnelError

log = structlog.get_logger(__name__)

Progress = Callable[[int, int], None]
RETRY_AFTER_SECONDS = 10
NOT_HERE = (
    "this process of the API knows no such simulation: each knows those that it ran itself, until"
    " it ends. Where several run behind one address, ask again, or use `funnel model simulate`"
)


class Run(Protocol):
    def __call__(
        self, tenant: str, candidate: Mapping[str, Any], progress: Progress
    ) -> Awaitable[Report]:
        """Of one tenant's contacts. Raises FunnelError."""
        ...


class Simulation(msgspec.Struct):
    """A job, as it is now."""

    id: str
    tenant: str
    model: str
    actor: str
    started_at: str
    state: str = "running"
    """running, done or failed."""
    contacts_read: int = 0
    contacts: int = 0
    """About so many in all."""
    problem: str | None = None
    report: Report | None = None


class Simulations:
    def __init__(
        self,
        run: Run,
        clock: Callable[[], Microseconds],
        *,
        running_max: int,
        kept_max: int,
        timeout_seconds: float,
    ) -> None:
        """`kept_max`: of finished ones, of all tenants; the oldest is forgotten."""
        self._run = run
        self._clock = clock
        self._running_max = running_max
        self._kept_max = kept_max
        self._timeout_seconds = timeout_seconds
        self._jobs: dict[str, Simulation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self, tenant: str, actor: str, model: str, candidate: Mapping[str, Any]
    ) -> Simulation:
        """Problem 429: enough are running."""
        if len(self._tasks) >= self._running_max:
            raise Problem(
                429,
                "busy",
                f"{self._running_max} simulation(s) run already: try again when one has ended",
                headers={"retry-after": str(RETRY_AFTER_SECONDS)},
            )
        job = Simulation(token_hex(16), tenant, model, actor, format_rfc3339(self._clock()))
        self._jobs[job.id] = job
        self._forget()
        task = asyncio.create_task(self._follow(job, candidate))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def find(self, tenant: str, id_: str) -> Simulation:
        """Problem 404."""
        job = self._jobs.get(id_)
        if job is None or job.tenant != tenant:
            raise Problem(404, "not-found", NOT_HERE)
        return job

    def of(self, tenant: str) -> list[Simulation]:
        """Newest first."""
        return [job for job in reversed(self._jobs.values()) if job.tenant == tenant]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, job: Simulation, candidate: Mapping[str, Any]) -> None:
        def progress(done: int, of: int) -> None:
            job.contacts_read, job.contacts = done, of

        try:
            async with asyncio.timeout(self._timeout_seconds):
                job.report = await self._run(job.tenant, candidate, progress)
            job.state = "done"
        except TimeoutError:
            job.state = "failed"
            job.problem = f"it was not done within {self._timeout_seconds:g} s"
        except FunnelError as failed:
            log.warning("a simulation failed", error=type(failed).__name__)
            job.state, job.problem = "failed", str(failed)
        except Exception as bug:
            log.exception("a simulation failed", error=type(bug).__name__)
            job.state, job.problem = "failed", "a bug of the service: it stands in the log"

    def _forget(self) -> None:
        ended = [job.id for job in self._jobs.values() if job.state != "running"]
        for id_ in ended[: max(0, len(self._jobs) - self._kept_max)]:
            del self._jobs[id_]
