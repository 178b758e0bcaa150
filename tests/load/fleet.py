"""Worker processes of a measurement."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.cli.topics import apply_topics
from app.runtime.embedded.stack import EmbeddedStack
from app.settings import load
from app.storage.migrate import migrate
from tests.failure.plain_model import MODELS_DIR

ROOT: Final = Path(__file__).parents[2]


class Fleet:
    """Workers come and go; what they say is in one log file each, below `logs`."""

    def __init__(self, stack: EmbeddedStack, logs: Path, extra: Mapping[str, str]) -> None:
        self._own = {
            "FUNNEL_KAFKA__BOOTSTRAP_SERVERS": stack.bootstrap_servers,
            "FUNNEL_DATABASE__URL": stack.database_url,
            "FUNNEL_HTTP__PORT": "0",
            "FUNNEL_LOGS__FORMAT": "json",
            "FUNNEL_MODELS_DIR": str(MODELS_DIR),
            **extra,
        }
        self._environment = {**os.environ, **self._own}
        self._logs = logs
        self._started = 0
        self.workers: list[asyncio.subprocess.Process] = []

    async def prepare(self) -> None:
        """Tables and topics."""
        settings = load(self._own)
        await migrate(settings.database.url.get_secret_value())
        await apply_topics(settings)

    async def start(self, profile: Path | None = None) -> asyncio.subprocess.Process:
        """One more worker. `profile`: where it writes what it spent its time on."""
        self._started += 1
        environment = dict(self._environment)
        module = "app.cli.main"
        if profile is not None:
            module = "tests.load.profile"
            environment["BENCH_PROFILE"] = str(profile)
        with (self._logs / f"worker-{self._started}.log").open("wb") as output:
            worker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", module, "worker"),
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
            )
        self.workers.append(worker)
        return worker

    async def end(self, worker: asyncio.subprocess.Process, number: signal.Signals) -> None:
        """Send the signal and wait until it has ended."""
        self.workers.remove(worker)
        worker.send_signal(number)
        await worker.wait()

    async def stop(self) -> None:
        """All gracefully; an exit code that is not 0 is an error."""
        workers, self.workers = self.workers, []
        for worker in workers:
            if worker.returncode is None:
                worker.send_signal(signal.SIGTERM)
        codes = [await worker.wait() for worker in workers]
        if any(codes):
            raise RuntimeError(f"workers ended with {codes}, see {self._logs}")

    async def kill(self) -> None:
        """Whatever still runs, after a failure."""
        for worker in self.workers:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
