"""The service as its operators run it: processes that log on with their own rights only."""

import asyncio
import json
import os
import re
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from app.domain.topics import Topic
from app.kafka_access import kafka_access
from app.runtime.embedded.ports import choose_port
from tests.failure.rig import until
from tests.security.secured_kafka import SecuredKafka
from tests.security.secured_postgres import SecuredPostgres

PATIENCE_SECONDS = 60.0
TOKEN = "t0ken-of-the-sales-tool"
SCOPES = ["interactions:write", "contacts:read", "contacts:command", "ops:read"]
EMAIL = "ada.lovelace@engines.example"


def signed_up(contact: str) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": secrets.token_hex(8),
        "source": "https://shop.example/forms",
        "type": "newsletter.signed_up",
        "subject": contact,
        "data": {"email": EMAIL, "list_id": "l", "consent": True},
    }


class Process:
    """A command of the service."""

    def __init__(self, running: asyncio.subprocess.Process, said: Path, url: str) -> None:
        self._running = running
        self._said = said
        self.url = url

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def said(self) -> str:
        return self._said.read_text()

    async def ready(self) -> None:
        async def asked() -> bool:
            assert self._running.returncode is None, self.said
            async with httpx.AsyncClient() as client:
                try:
                    return (await client.get(f"{self.url}/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

        await until(asked, PATIENCE_SECONDS)

    async def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        if self._running.returncode is None:
            self._running.send_signal(by)
        return await self._running.wait()


class Installation:
    def __init__(self, kafka: SecuredKafka, postgres: SecuredPostgres, home: Path) -> None:
        self.kafka = kafka
        self.postgres = postgres
        self._home = home

    async def run(self, *command: str, kafka: str, postgres: str = "funnel_api") -> str:
        """A command that ends by itself, as these principals; what it printed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli.main", *command),
            env=self._environment(kafka, postgres),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed = (await process.communicate())[0].decode()
        assert process.returncode == 0, printed
        return printed

    @asynccontextmanager
    async def running(
        self, *command: str, kafka: str, postgres: str = "funnel_api"
    ) -> AsyncIterator[asyncio.StreamReader]:
        """A command that does not end by itself; what it prints, line by line."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli.main", *command),
            env=self._environment(kafka, postgres),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.send_signal(signal.SIGINT)
            await process.wait()

    @asynccontextmanager
    async def start(
        self, role: str, until_ready: bool = True, /, **others: str
    ) -> AsyncIterator[Process]:
        """`worker`, `api` or `webhooks`."""
        port = choose_port(0, "HTTP", "-")
        said = self._home / f"{role}-{secrets.token_hex(4)}.log"
        with said.open("w") as output:
            running = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "app.cli.main", role, "--http-port", str(port)),
                env=self._environment(f"funnel-{role}", f"funnel_{role}", **others),
                stdout=output,
                stderr=output,
            )
        process = Process(running, said, f"http://127.0.0.1:{port}")
        try:
            if until_ready:
                await process.ready()
            yield process
        finally:
            await process.end()

    def _environment(self, kafka: str, postgres: str, **others: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **self.kafka.environment(kafka),
            **self.postgres.environment(postgres),
            **others,
        }

    async def signs_up(self, contact: str) -> None:
        """An interaction of a new contact, sent by another service."""
        async with AIOKafkaProducer(**kafka_access(self.kafka.access("shop"))) as producer:
            value = json.dumps(signed_up(contact)).encode()
            await producer.send_and_wait(Topic.INTERACTIONS, value, key=contact.encode())

    async def became(self, contact: str) -> str:
        """The stage that a sales tool hears of first."""
        consumer = AIOKafkaConsumer(
            Topic.STAGE_CHANGES,
            **kafka_access(self.kafka.access("crm")),
            group_id=f"crm-{secrets.token_hex(4)}",
            isolation_level="read_committed",
            auto_offset_reset="earliest",
        )
        try:
            await consumer.start()
            async with asyncio.timeout(PATIENCE_SECONDS):
                async for record in consumer:
                    if record.key == contact.encode():
                        return str(json.loads(record.value)["to_stage"])
            raise AssertionError("unreachable")
        finally:
            await consumer.stop()


@pytest.fixture(scope="module")
async def installation(
    secured: SecuredKafka, postgres: SecuredPostgres, security_home: Path
) -> Installation:
    """Prepared as before a roll-out: the schema by its owner, the topics by an operator."""
    made = Installation(secured, postgres, security_home)
    await made.run("migrate", kafka="funnel-operator", postgres="funnel_owner")
    await made.run("topics", "apply", kafka="funnel-operator")
    return made


@pytest.fixture
def contact() -> str:
    return f"crm-{secrets.token_hex(6)}"


async def test_workers_take_over_from_one_another(installation: Installation) -> None:
    """The second has to fence the first at the broker, and to end its sessions in PostgreSQL."""
    async with installation.start("worker") as first:
        await installation.signs_up("crm-a")
        assert await installation.became("crm-a") == "lead"
        await first.end(signal.SIGKILL)
    async with installation.start("worker") as second:
        await installation.signs_up("crm-b")
        assert await installation.became("crm-b") == "lead"
        assert await second.end() == 0, second.said


async def test_the_api_publishes_and_shows(installation: Installation, contact: str) -> None:
    digest = sha256(TOKEN.encode()).hexdigest()
    token = {"name": "sales", "sha256": digest, "tenant": "default", "scopes": SCOPES}
    async with (
        installation.start("worker") as worker,
        installation.start("api", FUNNEL_API__TOKENS=json.dumps([token])) as api,
        httpx.AsyncClient(
            base_url=f"{api.url}/v1", headers={"authorization": f"Bearer {TOKEN}"}, timeout=20
        ) as client,
    ):
        assert (await client.post("/interactions", json=signed_up(contact))).status_code == 202
        assert await installation.became(contact) == "lead"
        shown = await client.get(f"/contacts/{contact}")
        assert shown.json()["stage"] == "lead"
        for part in ("timeline", "history", "timers", "why", "why-not?stage=prospect"):
            answer = await client.get(f"/contacts/{contact}/{part}")
            assert answer.status_code == 200, answer.text
        lags = await client.get("/ops/lag")
        assert lags.status_code == 200, lags.text
        erase = ("contact", "erase", contact, "--request-id", "r-1", "--yes")
        await installation.run(*erase, kafka="funnel-api")

        async def is_gone() -> bool:
            return (await client.get(f"/contacts/{contact}")).status_code != 200

        await until(is_gone, PATIENCE_SECONDS)

        async def are_counted() -> bool:
            return (
                'funnel_contacts{stage="lead"}' in (await client.get(f"{worker.url}/metrics")).text
            )

        await until(are_counted, PATIENCE_SECONDS)
        metrics = (await client.get(f"{worker.url}/metrics")).text
        assert "funnel_ready 1.0" in metrics
        assert "funnel_database_pool_max 15.0" in (await client.get(f"{api.url}/metrics")).text
        for text in (worker.said, api.said, metrics):
            assert EMAIL not in text
            assert contact not in text
        assert "Traceback" not in worker.said + api.said


async def test_a_running_worker_goes_on_with_passwords_that_were_changed(
    installation: Installation, contact: str
) -> None:
    kafka, postgres = installation.kafka, installation.postgres
    async with installation.start("worker") as worker:
        await postgres.change_password("funnel_worker")
        await postgres.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'funnel_worker'"
        )
        secret = secrets.token_hex(8)
        await kafka.run_tool(
            "kafka.admin.ConfigCommand",
            *("--alter", "--entity-type", "users", "--entity-name", "funnel-worker"),
            *("--add-config", f"SCRAM-SHA-512=[password={secret}]"),
        )
        kafka.password_file("funnel-worker").write_text(secret)
        await kafka.broker.stop()
        await kafka.broker.start()
        await installation.signs_up(contact)
        assert await installation.became(contact) == "lead"
        await worker.ready()
        assert not re.search(r"funnel_(worker|api):[^*@]+@", worker.said)
