"""The code of schemas/guides, as a reader copies it out, and running it as a reader does."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from app.contract.files import SCHEMAS

GUIDES: Final = SCHEMAS / "guides"
FILE: Final = re.compile(r"^```(?:python|java|sh|yaml|csv) (\S+)\n(.*?)^```$", re.M | re.S)
LINE_TIMEOUT_SECONDS: Final = 60.0


def files_of(guide: str) -> dict[str, str]:
    """By name: the blocks that are files."""
    text = (GUIDES / f"{guide}.md").read_text(encoding="utf-8")
    found = dict(FILE.findall(text))
    assert len(found) == len(FILE.findall(text)), "two files of one name"
    return found


def write(guide: str, folder: Path) -> None:
    for name, code in files_of(guide).items():
        (folder / name).write_text(code, encoding="utf-8")


class Program:
    """A running one, by what it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[str] = []

    async def line(self, having: str) -> str:
        """The next line that has this in it; fails with what it printed where it ends first."""
        assert self._process.stdout is not None
        while True:
            read = self._process.stdout.readline()
            text = (await asyncio.wait_for(read, LINE_TIMEOUT_SECONDS)).decode()
            assert text, f"it ended, and said {self.lines}"
            self.lines.append(text.strip())
            if having in text:
                return text.strip()

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.communicate()


@asynccontextmanager
async def running(
    *command: str | Path, folder: Path, environment: Mapping[str, str]
) -> AsyncIterator[Program]:
    """Until the body is through. Its errors stand among its lines."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    program = Program(process)
    try:
        yield program
    finally:
        await program.stop()


async def run(*command: str | Path, folder: Path, environment: Mapping[str, str]) -> str:
    """To its end, which must be a good one; what it printed."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=folder,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 2 * LINE_TIMEOUT_SECONDS)
    assert process.returncode == 0, said.decode()
    return said.decode()


PYTHON: Final = sys.executable
