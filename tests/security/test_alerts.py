"""Alerts on the real thing: they fire when their fault is made, and end when it is mended.

By a Prometheus that asks every second and waits for nothing; the times to wait are proved by
deploy/prometheus/rules_test.yaml.
"""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from app.domain.topics import Topic
from app.kafka_access import kafka_access
from app.runtime.embedded.ports import choose_port
from tests.failure.rig import until
from tests.security.test_service import PATIENCE_SECONDS, Installation, Process, installation

__all__ = ["installation"]

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules.yaml"


class Prometheus:
    def __init__(self, url: str) -> None:
        self._url = url

    async def firing(self) -> set[str]:
        async with httpx.AsyncClient() as client:
            try:
                answer = await client.get(f"{self._url}/api/v1/alerts")
            except httpx.TransportError:
                return {"Prometheus is starting"}
        alerts = answer.json().get("data", {}).get("alerts", [])
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    async def until_fires(self, alert: str) -> None:
        async def fires() -> bool:
            return alert in await self.firing()

        await until(fires, PATIENCE_SECONDS)

    async def until_quiet(self) -> None:
        async def is_quiet() -> bool:
            return not await self.firing()

        await until(is_quiet, PATIENCE_SECONDS)


@pytest.fixture
async def worker(installation: Installation) -> AsyncIterator[Process]:
    async with installation.start("worker") as started:
        yield started


@pytest.fixture
async def prometheus(worker: Process, tmp_path: Path) -> AsyncIterator[Prometheus]:
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("prometheus is not installed (Debian: apt-get install prometheus)")
    (tmp_path / "rules.yaml").write_text(re.sub(r"for: \d+m", "for: 0s", RULES.read_text()))
    (tmp_path / "prometheus.yaml").write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        "rule_files: [rules.yaml]\n"
        "scrape_configs:\n"
        f"  - {{job_name: funnel, static_configs: [{{targets: ['{worker.url[7:]}']}}]}}\n"
    )
    port = choose_port(0, "Prometheus", "-")
    running = await asyncio.create_subprocess_exec(
        binary,
        f"--config.file={tmp_path / 'prometheus.yaml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        running.terminate()
        await running.wait()


async def test_a_worker_without_its_database_is_not_ready(
    installation: Installation, prometheus: Prometheus
) -> None:
    await prometheus.until_quiet()
    await installation.postgres.server.stop()
    try:
        await prometheus.until_fires("FunnelNotReady")
    finally:
        await installation.postgres.server.start()
    await prometheus.until_quiet()


async def test_a_producer_that_sends_rubbish_is_noticed(
    installation: Installation, prometheus: Prometheus
) -> None:
    shop = installation.kafka.access("shop")
    async with AIOKafkaProducer(**kafka_access(shop)) as producer:
        await producer.send_and_wait(Topic.INTERACTIONS, b"rubbish")  # a counter begins at one

        async def is_counted() -> bool:
            await producer.send_and_wait(Topic.INTERACTIONS, b"rubbish")
            return "FunnelDeadLetters" in await prometheus.firing()

        await until(is_counted, PATIENCE_SECONDS)
