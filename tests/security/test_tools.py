"""Lag by Kafka's own tools, by ours, by the API's and by the metrics: one figure."""

import json
import re
import secrets

import httpx
import pytest

from app.domain.topics import Topic
from tests.failure.rig import until
from tests.security.secured_kafka import SecuredKafka
from tests.security.test_service import Installation, installation

__all__ = ["installation"]

CONTACTS = 5
GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"


async def by_kafkas_tool(kafka: SecuredKafka) -> dict[tuple[str, int], tuple[int, int]]:
    """Of each partition: what the group has committed, and the lag."""
    said = await kafka.run_tool(GROUPS, "--describe", "--group", "funnel")
    rows = re.findall(r"^funnel\s+(\S+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)", said, re.MULTILINE)
    return {(topic, int(p)): (int(offset), int(lag)) for topic, p, offset, _, lag in rows}


async def by_our_tool(installed: Installation) -> dict[tuple[str, int], tuple[int, int]]:
    said = json.loads(await installed.run("lag", "--json", kafka="funnel-operator"))
    return {
        (row["topic"], row["partition"]): (row["published"], row["lag"])
        for row in said["partitions"]
        if row["topic"] in (Topic.INTERACTIONS, Topic.COMMANDS)
    }


@pytest.mark.parametrize("is_behind", [False, True], ids=["all published", "a worker is away"])
async def test_lag_is_what_kafkas_own_tool_says(
    installation: Installation, is_behind: bool
) -> None:
    kafka = installation.kafka
    async with installation.start("worker") as worker:
        contact = f"crm-{secrets.token_hex(4)}"
        await installation.signs_up(contact)
        assert await installation.became(contact) == "lead"
        async with httpx.AsyncClient() as client:

            async def measured() -> str | None:
                said = (await client.get(f"{worker.url}/metrics")).text
                return said if f'topic="{Topic.COMMANDS}"' in said else None

            metrics = await until(measured)
        if is_behind:
            await worker.end()
            for n in range(CONTACTS):
                await installation.signs_up(f"crm-waits-{n}")
    theirs, ours = await by_kafkas_tool(kafka), await by_our_tool(installation)
    assert {at: offset for at, (offset, _) in theirs.items()} == {
        at: offset for at, (offset, _) in ours.items()
    }
    assert sum(lag for _, lag in theirs.values()) == CONTACTS * is_behind
    assert sum(lag for _, lag in ours.values()) == CONTACTS * is_behind
    shown = re.findall(r'^funnel_consumer_lag\{.*topic="(\S+)"\} (\S+)', metrics, re.MULTILINE)
    assert {topic for topic, _ in shown} >= {Topic.INTERACTIONS, Topic.COMMANDS}
