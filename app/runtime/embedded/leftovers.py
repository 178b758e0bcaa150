"""Servers that an earlier run left behind, found by what they are and never by a pid alone.

A leftover is a process with the server's name that works on this very data directory: it has it as
working directory (PostgreSQL) or in its command line (Kafka). Call under the data lock only.
"""

import asyncio
from pathlib import Path

import psutil

from app.runtime.embedded.warden import crash

POLL_SECONDS = 0.05


async def end_leftovers(name: str, directory: Path) -> int:
    """Crash the leftovers of server `name` in `directory`; return how many, once they are gone."""
    left = [process for process in psutil.process_iter() if _works_in(process, name, directory)]
    for process in left:
        crash(process.pid)
    count = len(left)
    while left:
        left = [process for process in left if _works_in(process, name, directory)]
        await asyncio.sleep(POLL_SECONDS)
    return count


def _works_in(process: psutil.Process, name: str, directory: Path) -> bool:
    """False also for one that has ended but was not reaped: it has no directory any more."""
    inside = str(directory)
    try:
        return process.name() == name and (
            process.cwd() == inside
            or any(part == inside or part.startswith(f"{inside}/") for part in process.cmdline())
        )
    except psutil.Error:
        return False
