"""The API as a process of its own, as a measurement asks it."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp

from app.runtime.embedded.ports import choose_port
from tests.load.fleet import ROOT

PATIENCE_SECONDS: Final = 30.0


class ApiProcess(NamedTuple):
    url: str
    pid: int


@asynccontextmanager
async def api_process(log: Path, extra: Mapping[str, str]) -> AsyncIterator[ApiProcess]:
    """`funnel api`, open on loopback, once it answers. `extra`: its settings."""
    port = choose_port(0, "the API", "--http-port")
    own = {
        "FUNNEL_API__ACCESS": "open",
        "FUNNEL_API__PORT": str(port),
        "FUNNEL_LOGS__FORMAT": "json",
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli.main", "api"),
            cwd=ROOT,
            env={**os.environ, **own, **extra},
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await _until_it_answers(process, url, log)
        yield ApiProcess(url, process.pid)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def _until_it_answers(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    started = time.monotonic()
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/v1/contacts?limit=1") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            if process.returncode is not None or time.monotonic() - started > PATIENCE_SECONDS:
                raise RuntimeError(f"the API does not answer, see {log}")
            await asyncio.sleep(0.1)
