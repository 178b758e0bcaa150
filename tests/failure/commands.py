"""The service's commands and workers as an operator runs them, against a stack of the tests."""

import asyncio
import os
import sys
from collections.abc import Mapping

from app.runtime.embedded.stack import EmbeddedStack
from tests.failure.fleet import ROOT
from tests.failure.plain_model import ENVIRONMENT


def environment_of(stack: EmbeddedStack, mutant: str | None = None) -> dict[str, str]:
    return {
        "FUNNEL_KAFKA__BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "FUNNEL_DATABASE__URL": stack.database_url,
        "FUNNEL_HTTP__PORT": "0",
        "FUNNEL_LOGS__FORMAT": "json",
        "CHAOS_MUTANT": mutant or "",
        **ENVIRONMENT,
    }


async def funnel(environment: Mapping[str, str], *command: str) -> None:
    """Run a command. Raises RuntimeError with what it said where it fails."""
    code, said, wrong = await _ended(environment, command)
    if code != 0:
        raise RuntimeError(f"funnel {' '.join(command)} failed: {said}{wrong}")


async def asked(environment: Mapping[str, str], *command: str) -> str:
    """What a command says, whatever its exit code."""
    _, said, wrong = await _ended(environment, command)
    assert said, wrong
    return said


async def _ended(
    environment: Mapping[str, str], command: tuple[str, ...]
) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli.main", *command),
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, wrong = await process.communicate()
    return process.returncode, said.decode(), wrong.decode()
