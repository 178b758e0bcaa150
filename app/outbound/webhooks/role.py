"""The role `webhooks`: records, delivers and keeps house, each in a loop that outlives outages."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import asyncpg
import structlog

from app.errors import Unavailable
from app.outbound.topic_ids import identify
from app.outbound.webhooks.delivering import Dispatcher
from app.outbound.webhooks.recording import TOPICS, Recorder
from app.outbound.webhooks.rereading import Rereader
from app.outbound.webhooks.sending import Sender
from app.outbound.webhooks.vault import Vault
from app.settings import Settings
from app.storage import deliveries, delivery_upkeep
from app.storage.connect import connect
from app.storage.delivery_upkeep import Keeping
from app.storage.revision import check_revision
from app.telemetry.health import Health
from app.telemetry.metrics import Metrics

APPLICATION: Final = "funnel-webhooks"
BACKOFF_MIN_SECONDS: Final = 0.2
SETTLE_SECONDS: Final = 1.0
"""Of the drain, for what follows the attempts."""
CLOSE_SECONDS: Final = 2.0

log = structlog.get_logger(__name__)

Life = Callable[[asyncio.Event], Awaitable[None]]


class Webhooks:
    """Run it in as many processes as there is work for: they share partitions and deliveries."""

    def __init__(self, settings: Settings, metrics: Metrics, vault: Vault) -> None:
        self._settings = settings
        self._metrics = metrics
        self._vault = vault
        self._troubles: dict[str, str] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then what is under way may end. RevisionError, TopicsError."""
        sender = Sender(self._settings.webhooks)
        dispatcher = Dispatcher(
            self._settings.webhooks,
            sender,
            self._vault,
            Rereader(self._settings.kafka, self._connection),
            self._metrics.webhook_deliveries,
        )
        lives: dict[str, Life] = {
            "recording": partial(self._record, dispatcher),
            "delivering": partial(self._deliver, dispatcher),
            "upkeep": self._keep,
        }
        self._troubles = dict.fromkeys(lives, "not started yet")
        tasks = [
            asyncio.create_task(self._relive(name, life, stop)) for name, life in lives.items()
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await dispatcher.cancel()
            await sender.close()

    def health(self) -> Health:
        reasons = [f"{name}: {why}" for name, why in self._troubles.items()]
        return Health(ready=not reasons, reasons=reasons)

    async def _relive(self, name: str, life: Life, stop: asyncio.Event) -> None:
        """Again and again until `stop`, with a pause while something is away."""
        longest = self._settings.lane.restart_backoff_max_seconds
        backoff = BACKOFF_MIN_SECONDS
        while not stop.is_set():
            try:
                await life(stop)
            except Unavailable as away:
                is_new = name not in self._troubles
                self._troubles[name] = str(away)
                backoff = BACKOFF_MIN_SECONDS if is_new else min(2 * backoff, longest)
                log.warning("webhooks_waiting", part=name, reason=str(away))
                with suppress(TimeoutError):
                    async with asyncio.timeout(backoff * random.uniform(0.5, 1.0)):  # noqa: S311
                        await stop.wait()

    def _is_well(self, name: str) -> None:
        self._troubles.pop(name, None)

    async def _record(self, dispatcher: Dispatcher, stop: asyncio.Event) -> None:
        settings = self._settings
        async with self._connection() as connection:
            await check_revision(connection)
            await identify(settings.kafka, TOPICS)
            recorder = Recorder(
                settings.kafka,
                connection,
                group_id=f"{settings.kafka.group_id}-webhooks",
                record_max=settings.webhooks.record_max,
            )
            try:
                await recorder.start()
                while not stop.is_set():
                    if await recorder.step():
                        dispatcher.wake()
                    self._is_well("recording")
            finally:
                await _within(CLOSE_SECONDS, recorder.close())

    async def _deliver(self, dispatcher: Dispatcher, stop: asyncio.Event) -> None:
        """The dispatcher outlives the connection: what its attempts come to is not forgotten."""
        async with self._connection() as connection:
            await check_revision(connection)
            await deliveries.prepare(connection)
            stopping = asyncio.create_task(_then(stop, dispatcher.wake))
            try:
                while not stop.is_set():
                    await dispatcher.step(connection)
                    self._is_well("delivering")
                drain = self._settings.lane.drain_timeout_seconds - SETTLE_SECONDS
                await dispatcher.drain(connection, max(0.0, drain))
            finally:
                stopping.cancel()

    async def _keep(self, stop: asyncio.Event) -> None:
        settings = self._settings.webhooks
        keeping = Keeping(
            settings.delivered_keep_days, settings.dead_keep_days, settings.pending_max_days
        )
        async with self._connection() as connection:
            await check_revision(connection)
            while not stop.is_set():
                has_more = await delivery_upkeep.keep(connection, keeping)
                pending = await delivery_upkeep.bound_backlogs(connection, settings.backlog_max)
                self._metrics.webhook_deliveries_pending.set(pending)
                self._is_well("upkeep")
                if not has_more:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(settings.upkeep_seconds):
                            await stop.wait()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Of whom nobody ends the session while it waits."""
        connection = await connect(self._settings.database, application_name=APPLICATION)
        try:
            yield connection
        finally:
            connection.terminate()


async def _then(event: asyncio.Event, act: Callable[[], None]) -> None:
    await event.wait()
    act()


async def _within(seconds: float, ending: Awaitable[None]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ending
