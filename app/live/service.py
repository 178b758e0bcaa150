"""The live view as a service of the shell: one reader feeds the agents, for as long as it runs."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import faust
import structlog
from mode import Service

from app.errors import FunnelError
from app.live.agents import Fed, make_agents, tell_bug
from app.live.counts import Counts
from app.live.frames import Reason
from app.live.hub import Hub
from app.live.reader import Reader, Rewound
from app.live.rounds import Round
from app.live.warming import Warming

BACKOFF_FIRST_SECONDS: Final = 0.5
BACKOFF_MAX_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)

Reading = Callable[[], AbstractAsyncContextManager[Reader]]


class LiveService(Service):
    """Counts and streams what is published. Kafka or PostgreSQL away: it tries again, and says so.

    Must be started after what serves the streams, so that it is stopped before: it ends them.
    """

    mundane_level = "debug"

    def __init__(
        self,
        hub: Hub,
        counts: Counts,
        warming: Warming,
        reading: Reading,
        failed: Callable[[str], None],
    ) -> None:
        """`failed` is told which part failed and began anew."""
        super().__init__()
        self._hub = hub
        self._counts = counts
        self._warming = warming
        self._reading = reading
        self._failed = failed
        self._app: faust.App | None = None
        self._fed: dict[str, Fed] = {}

    def enter(self, app: faust.App) -> None:
        """The app whose agents these will be; before the start."""
        self._app = app

    async def on_start(self) -> None:
        assert self._app is not None, "a shell runs it"
        works = {"counts": self._counts.add, "stream": self._hub.deliver}
        self._fed = make_agents(self._app, works, self._failed)
        for fed in self._fed.values():
            await self.add_runtime_dependency(fed.agent)
        self._app.flow_control.resume()  # without Faust's Kafka nothing else does

    @Service.task
    async def _follow(self) -> None:
        backoff = BACKOFF_FIRST_SECONDS
        while not self.should_stop:
            try:
                async with self._reading() as reader:
                    await self._begin(reader)
                    backoff = BACKOFF_FIRST_SECONDS
                    await self._hear(reader)
            except (FunnelError, Rewound) as failed:
                log.warning("the live view waits", reason=str(failed), seconds=backoff)
            except Exception as bug:
                self._failed("reader")
                tell_bug("reader", bug)
            await self.sleep(backoff)
            backoff = min(2 * backoff, BACKOFF_MAX_SECONDS)

    async def _hear(self, reader: Reader) -> None:
        """Who listens is told before what is left of the reader is waited for."""
        try:
            async for batches in reader.rounds():
                await self._feed(batches)
        except (FunnelError, Rewound):
            self._hub.pause(Reason.UNAVAILABLE)
            raise
        except Exception:
            self._hub.pause(Reason.RESTARTED)
            raise

    async def _begin(self, reader: Reader) -> None:
        past = await self._warming.past(reader.begins_at)
        self._counts.begin(reader.begins_at, past)
        self._hub.begin(reader.begins_at)
        log.info("the live view runs", has_past=past is not None)

    async def _feed(self, batches: Round) -> None:
        for fed in self._fed.values():
            await _send(fed.channel, batches)

    async def on_stop(self) -> None:
        self._hub.close()
        await asyncio.sleep(0)  # who listens gets to its last event first


async def _send(channel: Any, batches: Round) -> None:
    await channel.send(value=batches)
