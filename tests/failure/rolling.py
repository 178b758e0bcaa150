"""Workers of two releases, replaced one after the other as Kubernetes does it.

`maxSurge: 1, maxUnavailable: 0`: the successor is started, and when it says it is ready the
predecessor gets SIGTERM.
"""

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg

from app.storage.sessions import revision_of
from tests.failure.rig import until

READY_WITHIN_SECONDS: Final = 60.0
END_WITHIN_SECONDS: Final = 15.0


class Worker(NamedTuple):
    process: asyncio.subprocess.Process
    port: int
    log: Path


class Rollout:
    """Starts processes in a release's tree; what they say is in a file each, below `logs`."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self._environment = {**os.environ, **environment}
        self._logs = logs
        self._started = 0
        self.workers: list[Worker] = []

    async def start(self, tree: Path) -> Worker:
        """A worker of that release, which is ready."""
        self._started += 1
        port = _free_port()
        log = self._logs / f"worker-{self._started}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app.cli.main", "worker"),
                cwd=tree,
                env={**self._of(tree), "FUNNEL_HTTP__PORT": str(port)},
                stdout=output,
                stderr=output,
            )
        worker = Worker(process, port, log)
        self.workers.append(worker)

        async def is_ready() -> bool:
            assert process.returncode is None, f"a worker ended: {log.read_text()[-600:]}"
            return await _is_ready(port)

        await until(is_ready, READY_WITHIN_SECONDS)
        return worker

    async def end(self, worker: Worker) -> None:
        """Gracefully, or it is an error."""
        self.workers.remove(worker)
        worker.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_WITHIN_SECONDS):
                code = await worker.process.wait()
        except TimeoutError:
            worker.process.kill()
            raise AssertionError(f"{worker.log.name} did not end on SIGTERM") from None
        assert code == 0, f"{worker.log.name} ended with {code}"

    async def end_all(self) -> None:
        for worker in list(self.workers):
            await self.end(worker)

    async def kill(self) -> None:
        """Whatever still runs, after a failure."""
        for worker in self.workers:
            if worker.process.returncode is None:
                worker.process.kill()
                await worker.process.wait()

    async def run(self, tree: Path, *command: str) -> tuple[int, str]:
        """A command of that release: its exit code, and what it said."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli.main", *command),
            cwd=tree,
            env=self._of(tree),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode().strip()

    def _of(self, tree: Path) -> dict[str, str]:
        return {**self._environment, "PYTHONPATH": str(tree)}


async def owners(database_url: str) -> dict[str, int]:
    """How many lane partitions each release owns, by its revision."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT owner FROM lane_partition WHERE lane = 'contacts' AND owner IS NOT NULL"
        )
    finally:
        await connection.close()
    return dict(Counter(revision_of(row["owner"]) for row in rows))


async def _is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        status = await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()
    return b" 200 " in status


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
