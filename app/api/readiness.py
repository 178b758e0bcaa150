"""Ready: PostgreSQL is there at this release's revision, and Kafka takes records."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from app.errors import FunnelError
from app.telemetry.health import Health

MAX_AGE_SECONDS: Final = 1.0
TIMEOUT_SECONDS: Final = 3.0

Check = Callable[[], Awaitable[None]]


class Readiness:
    """Asked together, and kept for a second: probes must not be a load."""

    def __init__(self, checks: Mapping[str, Check], clock: Callable[[], float]) -> None:
        """`checks`: by what they are of; each raises FunnelError where it is not well."""
        self._checks = checks
        self._clock = clock
        self._asking = asyncio.Lock()
        self._found: tuple[float, Health] | None = None

    async def health(self) -> Health:
        async with self._asking:
            if self._found is None or self._clock() - self._found[0] > MAX_AGE_SECONDS:
                told = await asyncio.gather(*(self._ask(name) for name in self._checks))
                reasons = [reason for reason in told if reason is not None]
                self._found = self._clock(), Health(ready=not reasons, reasons=reasons)
            return self._found[1]

    async def _ask(self, name: str) -> str | None:
        """Anybody may ask, so not where it is, nor what it said."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._checks[name]()
        except (FunnelError, TimeoutError) as failed:
            return f"{name}: {type(failed).__name__}"
        return None
