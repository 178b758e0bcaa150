"""FunnelLagGrowing: more comes in than one throttled worker handles; more workers end it."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer

from app.domain.routing import home_partition
from app.domain.topics import Topic
from tests.alerts.conftest import PARTITIONS, again_and_again
from tests.alerts.prometheus import Prometheus, prometheus
from tests.alerts.runbook import Runbook
from tests.security.test_service import Installation, Process, signed_up

PAGE = Runbook("lag-growing")
PATIENCE_SECONDS = 150.0
BACKLOG = 12_000
"""More than the threshold."""
GROWS, STEP_SECONDS = 3000, 2.0
LAG = f'sum(funnel_consumer_lag{{topic="{Topic.INTERACTIONS}"}})'
HELPERS = 3
AWAKE_SECONDS, ASLEEP_SECONDS = 0.1, 0.4
CONTACTS = [f"crm-{secrets.token_hex(6)}" for _ in range(2000)]


async def test_an_import_that_one_worker_is_too_slow_for(
    installation: Installation, home: Path
) -> None:
    servers = installation.kafka.broker.bootstrap_servers
    async with (
        AIOKafkaProducer(bootstrap_servers=servers, linger_ms=50) as producer,
        installation.start("worker") as slow,
        prometheus(home, [slow.url], every="2s") as watching,
        AsyncExitStack() as helpers,
    ):
        await watching.until_quiet()
        async with throttled(slow):
            await send(producer, BACKLOG)
            coming = Import(producer, watching)
            async with again_and_again(coming.step, STEP_SECONDS):
                await watching.until_fires(
                    "FunnelLagGrowing", PATIENCE_SECONDS, topic=Topic.INTERACTIONS
                )
                assert PAGE.command("funnel lag") == "funnel lag --watch"
                async with installation.running(
                    "lag", "--watch", "--json", kafka="funnel-operator"
                ) as lines:
                    assert json.loads(await anext(lines))["lag"] > BACKLOG / 2
                coming.is_steady = True
                PAGE.says("add workers up to the number of partitions")
                urls = [slow.url]
                for _ in range(HELPERS):
                    helper = await helpers.enter_async_context(installation.start("worker", False))
                    urls.append(helper.url)
                watching.watch(*urls)
                await watching.until_ends("FunnelLagGrowing", PATIENCE_SECONDS)
        await watching.until_quiet()


async def send(producer: AIOKafkaProducer, count: int) -> None:
    """Interactions of known contacts, as an import sends them."""
    for n in range(count):
        contact = CONTACTS[n % len(CONTACTS)]
        await producer.send(
            Topic.INTERACTIONS,
            json.dumps(signed_up(contact)).encode(),
            key=contact.encode(),
            partition=home_partition(contact, PARTITIONS),
        )
    await producer.flush()


class Import:
    """Comes in faster than what is there gets through, whatever that is; then goes on so."""

    def __init__(self, producer: AIOKafkaProducer, watching: Prometheus) -> None:
        self._producer = producer
        self._watching = watching
        self._wanted = BACKLOG
        self._sent = [BACKLOG]
        self.is_steady = False

    async def step(self) -> None:
        if not self.is_steady:
            found = await self._watching.values(LAG)
            self._wanted += GROWS
            self._sent.append(max(0, self._wanted - round(found[0][1] if found else 0)))
        count = self._sent[-1] if not self.is_steady else sum(self._sent[-5:]) // 5
        await send(self._producer, count)


@asynccontextmanager
async def throttled(worker: Process) -> AsyncIterator[None]:
    """A fifth of a core, as a limit of a container gives it: in slices."""

    async def slices() -> None:
        while True:
            os.kill(worker.pid, signal.SIGSTOP)
            await asyncio.sleep(ASLEEP_SECONDS)
            os.kill(worker.pid, signal.SIGCONT)
            await asyncio.sleep(AWAKE_SECONDS)

    slicing = asyncio.create_task(slices())
    try:
        yield
    finally:
        slicing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await slicing
        os.kill(worker.pid, signal.SIGCONT)
