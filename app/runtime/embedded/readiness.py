"""Wait until a server that was just started serves, or say why it does not."""

import asyncio
from collections.abc import Awaitable, Callable

from app.errors import SetupError
from app.runtime.embedded.process import ServerProcess

START_TIMEOUT_SECONDS = 60.0
PROBE_SECONDS = 0.03


async def until_ready(
    name: str, process: ServerProcess, is_ready: Callable[[], Awaitable[bool]]
) -> None:
    """Probe until `is_ready`. On SetupError, or when cancelled, the server is gone."""
    try:
        async with asyncio.timeout(START_TIMEOUT_SECONDS):
            while not await is_ready():
                if not process.is_running:
                    raise SetupError(f"{name} ended while starting:\n{process.last_words()}")
                await asyncio.sleep(PROBE_SECONDS)
    except TimeoutError:
        await process.crash()
        raise SetupError(
            f"{name} was not ready within {START_TIMEOUT_SECONDS:.0f} s:\n{process.last_words()}"
        ) from None
    except BaseException:
        await process.crash()
        raise
