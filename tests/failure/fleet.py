"""The workers of a chaos run: real processes, started again whenever they end."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

ZOMBIE_SECONDS = (7.0, 9.5)
"""A stop is longer than the session time-out (6 s); most end before a Kafka transaction does."""
ENOUGH_UNEXPECTED = 30
"""Workers that end by themselves this often are broken: start no more of them."""
ROOT = Path(__file__).parents[2]


class Fleet:
    """`size` slots, each with at most one worker. `tally` counts what happened to them."""

    def __init__(
        self,
        size: int,
        environment: Mapping[str, str],
        arms: Callable[[], Mapping[str, str]],
        logs: Path,
        rng: random.Random,
    ) -> None:
        self._size = size
        self._environment = {**os.environ, **environment}
        self._arms = arms
        self._logs = logs
        self._random = rng
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._meant: set[int] = set()
        self._stopped: set[int] = set()
        self._may_start = asyncio.Event()
        self._may_start.set()
        self.tally: Counter[str] = Counter()
        self.unexpected: list[str] = []

    def start(self) -> None:
        self._keepers = [asyncio.create_task(self._keep(slot)) for slot in range(self._size)]

    async def stop(self) -> None:
        """End all gracefully; a worker that does not end within 15 s is killed and noted."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for process in self._processes.values():
            _signal(process, signal.SIGCONT)
            _signal(process, signal.SIGTERM)
        for process in self._processes.values():
            try:
                async with asyncio.timeout(15):
                    code = await process.wait()
            except TimeoutError:
                self.unexpected.append(f"worker {process.pid} did not end on SIGTERM")
                _signal(process, signal.SIGKILL)
                await process.wait()
            else:
                if code not in (0, -signal.SIGTERM):  # the latter: before it could listen
                    self.unexpected.append(f"worker {process.pid} ended with {code} on SIGTERM")
        self._processes.clear()

    def describe(self) -> str:
        states = [
            "stopped" if pid in self._stopped else "up"
            for pid in (process.pid for process in self._processes.values())
        ]
        return f"{states.count('up')} up, {states.count('stopped')} stopped"

    async def kill(self) -> None:
        process = await self._victim()
        self._meant.add(process.pid)
        self.tally["kills"] += 1
        _signal(process, signal.SIGKILL)

    async def restart(self) -> None:
        """A graceful stop; the keeper starts the next one."""
        process = await self._victim()
        self.tally["restarts"] += 1
        self._meant.add(process.pid)
        _signal(process, signal.SIGTERM)
        try:
            async with asyncio.timeout(15):
                await process.wait()
        except TimeoutError:
            self.unexpected.append(f"worker {process.pid} did not end on SIGTERM")
            _signal(process, signal.SIGKILL)

    async def make_zombie(self) -> None:
        process = await self._victim()
        _signal(process, signal.SIGSTOP)
        await self._wake_later(process)

    async def kill_all_while(self, absence: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Kill every worker, start none until `absence` is over."""
        self._may_start.clear()
        try:
            await self.kill_all()
            await absence()
        finally:
            self._may_start.set()

    async def kill_all(self) -> None:
        for process in self._processes.values():
            if process.returncode is None:
                self._meant.add(process.pid)
                self.tally["kills"] += 1
                _signal(process, signal.SIGKILL)
                await process.wait()

    async def _victim(self) -> asyncio.subprocess.Process:
        """A worker that runs, once there is one."""
        while True:
            running = [
                process
                for process in self._processes.values()
                if process.returncode is None
                and process.pid not in self._stopped
                and process.pid not in self._meant
            ]
            if running:
                return self._random.choice(running)
            await asyncio.sleep(0.2)

    async def _keep(self, slot: int) -> None:
        """Start a worker, wake it when a failpoint stopped it, start the next when it ended."""
        number = 0
        while True:
            await self._may_start.wait()
            number += 1
            log = self._logs / f"worker-{slot}-{number}.log"
            process = await self._spawn(log)
            self._processes[slot] = process
            self.tally["starts"] += 1
            waiting = asyncio.create_task(process.wait())
            while not waiting.done():
                await asyncio.wait([waiting], timeout=0.5)
                if process.pid not in self._stopped and _is_stopped(process.pid):
                    await self._wake_later(process)
            self._note_end(process, log)
            if len(self.unexpected) >= ENOUGH_UNEXPECTED:
                return
            await asyncio.sleep(self._random.uniform(0, 1.0))

    async def _spawn(self, log: Path) -> asyncio.subprocess.Process:
        with log.open("wb") as output:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.failure.launch", "worker"),
                cwd=ROOT,
                env={**self._environment, **self._arms()},
                stdout=output,
                stderr=output,
            )

    async def _wake_later(self, process: asyncio.subprocess.Process) -> None:
        self._stopped.add(process.pid)
        self.tally["zombies"] += 1
        await asyncio.sleep(self._random.uniform(*ZOMBIE_SECONDS))
        self._stopped.discard(process.pid)
        _signal(process, signal.SIGCONT)

    def _note_end(self, process: asyncio.subprocess.Process, log: Path) -> None:
        code = process.returncode
        if process.pid in self._meant:
            self._meant.discard(process.pid)
        elif code == -signal.SIGKILL:
            self.tally["failpoint_kills"] += 1
        else:
            words = log.read_text(errors="replace")[-600:].strip().splitlines()[-4:]
            self.unexpected.append(f"{log.name} ended with {code}: {' | '.join(words)}")


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False
