"""What is fuzzed: a worker and the API as processes, on a real Kafka and PostgreSQL."""

import asyncio
import ctypes
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from app.cli.topics import apply_topics
from app.runtime.embedded.warden import PR_SET_PDEATHSIG
from app.settings import load
from app.storage.migrate import migrate
from tests.failure.rig import until

ROOT: Final = Path(__file__).parents[2]
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
HALTED: Final = "partition_halted"
"""What the poison is for."""
SHORT: Final = {
    # Nobody is to wait for long: a case is a case.
    "FUNNEL_COMMANDS__WAIT_MAX_SECONDS": "1",
    "FUNNEL_API__SIMULATION_TIMEOUT_SECONDS": "20",
    "FUNNEL_WEBHOOKS__WEBHOOKS_MAX": "100000",
    "FUNNEL_LOGS__FORMAT": "json",
    "FUNNEL_LOGS__LEVEL": "info",
}


class Installation:
    """`logs`: what the processes say, in one file each."""

    def __init__(self, bootstrap_servers: str, database_url: str, logs: Path) -> None:
        self._own = {
            "FUNNEL_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
            "FUNNEL_KAFKA__GROUP_ID": f"fuzz-{secrets.token_hex(4)}",
            "FUNNEL_DATABASE__URL": database_url,
        }
        self._logs = logs
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def prepare(self) -> None:
        """Tables and topics."""
        settings = load(self._own)
        await migrate(settings.database.url.get_secret_value())
        await apply_topics(settings)

    async def start(self, role: str, **settings: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("FUNNEL")}
        with (self._logs / f"{role}.log").open("wb") as output:
            self._running[role] = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app.cli.main", role, "--http-port", "0"),
                cwd=ROOT,
                env={**clean, **SHORT, **self._own, **settings},
                stdout=output,
                stderr=output,
                preexec_fn=_die_with_the_owner if sys.platform == "linux" else None,
            )

    async def address(self, role: str) -> str:
        """Of its HTTP interface, once it listens."""
        event = f"{role} listens"

        def listens() -> str | None:
            assert self._running[role].returncode is None, f"{role} ended: see its log"
            return next((each["url"] for each in self.said(role) if each["event"] == event), None)

        return str(await until(listens, START_SECONDS))

    def said(self, role: str) -> list[Mapping[str, Any]]:
        lines = (self._logs / f"{role}.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def errors(self) -> list[str]:
        """What the service itself said that went wrong; brokers that are just starting are none."""
        return [
            f"{role}: {each['event']} {each.get('error', '')}\n{each.get('frames', '')}".strip()
            for role in self._running
            for each in self.said(role)
            if each["level"] in ("error", "critical")
            and each["logger"].startswith("app.")
            and each["event"] != HALTED
        ]

    async def stop(self) -> dict[str, int]:
        """Politely; the exit codes."""
        for process in self._running.values():
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return {role: await each.wait() for role, each in self._running.items()}
        finally:
            for process in self._running.values():
                if process.returncode is None:
                    process.kill()
                    await process.wait()


def _die_with_the_owner() -> None:
    """In the new process: whoever kills the fuzzing leaves nothing behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@asynccontextmanager
async def installed(
    bootstrap_servers: str, database_url: str, logs: Path, **settings: str
) -> AsyncIterator[tuple[Installation, str]]:
    """With the address of its API."""
    made = Installation(bootstrap_servers, database_url, logs)
    await made.prepare()
    try:
        for role in ("worker", "api"):
            await made.start(role, **settings)
        yield made, await made.address("api")
    finally:
        codes = await made.stop()
    assert not any(codes.values()), f"they ended with {codes}: see {logs}"
