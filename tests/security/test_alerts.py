"""Two alerts on the real thing, as a sample of `make alerts`, which makes the fault of each."""

from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from app.domain.reasons import Reason
from app.domain.topics import Topic
from app.kafka_access import kafka_access
from tests.alerts.prometheus import Prometheus, prometheus
from tests.security.test_service import Installation, installation

__all__ = ["installation"]


@pytest.mark.thorough
@pytest.mark.timeout(240)
async def test_a_database_that_is_away_and_a_burst_of_rubbish_are_noticed(
    installation: Installation, tmp_path: Path
) -> None:
    async with installation.start("worker") as worker, prometheus(tmp_path, [worker.url]) as it:
        await it.until_quiet()
        await until_rubbish_is_noticed(installation, it)
        await installation.postgres.server.stop()
        try:
            await it.until_fires("FunnelNotReady", instance=worker.url.removeprefix("http://"))
        finally:
            await installation.postgres.server.start()
        await it.until_ends("FunnelNotReady")
        await it.until_quiet()


async def until_rubbish_is_noticed(installation: Installation, it: Prometheus) -> None:
    """One burst, the first there is of its reason, and nothing after it."""
    async with AIOKafkaProducer(**kafka_access(installation.kafka.access("shop"))) as producer:
        for _ in range(30):
            await producer.send(Topic.INTERACTIONS, b"rubbish", partition=0)
        await producer.flush()
    await it.until_fires("FunnelDeadLetters", reason=Reason.UNDECODABLE)
