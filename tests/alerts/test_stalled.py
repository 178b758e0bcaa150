"""FunnelStalled: one partition stands still while the others move."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from aiokafka import AIOKafkaProducer

from app.domain.topics import Topic
from tests.alerts.conftest import BEARER, Shop, again_and_again, contact_on, tokens
from tests.alerts.prometheus import prometheus
from tests.alerts.runbook import Runbook
from tests.security.test_service import Installation

PAGE = Runbook("hanging-transaction")
STILL, BUSY = 3, 7
TRANSACTIONS = "org.apache.kafka.tools.TransactionsCommand"


async def test_a_transaction_that_a_producer_left_open(
    installation: Installation, shop: Shop, home: Path
) -> None:
    settings = {"FUNNEL_API__TOKENS": tokens("ops:read")}
    async with (
        installation.start("worker") as worker,
        installation.start("api", **settings) as api,
        prometheus(home, [worker.url, api.url]) as watching,
        again_and_again(lambda: shop.signs_up(contact_on(BUSY)), 0.1),
    ):
        await watching.until_quiet()
        waits = contact_on(STILL)
        async with left_open(installation, contact_on(STILL)):
            await shop.signs_up(waits)
            labels = {"topic": Topic.INTERACTIONS, "partition": str(STILL)}
            await watching.until_fires("FunnelStalled", **labels)
            assert [each["partition"] for each in await watching.firing()] == [str(STILL)]
            await all_say_that_it_waits(installation, api.url)
            Runbook("stalled").says("[hanging-transaction](hanging-transaction.md)")
            at = {
                "B": installation.kafka.broker.bootstrap_servers,
                "T": Topic.INTERACTIONS,
                "P": str(STILL),
            }
            shown = await transactions(
                installation, PAGE.command("kafka-transactions.sh --bootstrap-server B desc", **at)
            )
            (start,) = (
                line.split()[-1] for line in shown.splitlines() if re.search(r"\s\d+\s*$", line)
            )
            abort = "kafka-transactions.sh --bootstrap-server B abort"
            await transactions(installation, PAGE.command(abort, START=start, **at))
            await watching.until_ends("FunnelStalled")
        assert await installation.became(waits) == "lead"
        await watching.until_quiet()


async def all_say_that_it_waits(installation: Installation, api: str) -> None:
    """`funnel lag`, once and watching, and the HTTP interface."""
    by_command = json.loads(await installation.run("lag", "--json", kafka="funnel-operator"))
    async with httpx.AsyncClient(headers=BEARER, timeout=20) as client:
        answer = await client.get(f"{api}/v1/ops/lag")
    assert answer.status_code == 200, answer.text
    for rows in (by_command["partitions"], answer.json()["partitions"]):
        (still,) = (
            row for row in rows if (row["topic"], row["partition"]) == (Topic.INTERACTIONS, STILL)
        )
        assert still["lag"] == 2  # the record that is open, and the one behind it
    async with installation.running("lag", "--watch", kafka="funnel-operator") as lines:
        first, second = [(await anext(lines)).decode() for _ in range(2)]
    for line in (first, second):
        assert re.match(r"\d\d:\d\d:\d\d \d+ behind \(\d+ not applied\)", line), line


async def transactions(installation: Installation, command: str) -> str:
    """Kafka's own tool, with the arguments of the page's command."""
    _, _, _, *arguments = command.split()
    return await installation.kafka.run_tool(TRANSACTIONS, *arguments)


@asynccontextmanager
async def left_open(installation: Installation, contact: str) -> AsyncIterator[None]:
    """A producer that sends in a transaction, and is then busy with something else."""
    producer = AIOKafkaProducer(
        bootstrap_servers=installation.kafka.broker.bootstrap_servers,
        transactional_id=f"shop-{contact}",
        transaction_timeout_ms=600_000,
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(
            Topic.INTERACTIONS, b"{}", key=contact.encode(), partition=STILL
        )
        try:
            yield
        except BaseException:
            await producer.abort_transaction()  # nothing else is to fail for it
            raise
    finally:
        await producer.stop()
