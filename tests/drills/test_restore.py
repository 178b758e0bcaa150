"""The drills of deploy/runbooks/restore.md with real workers and traffic, judged by the checker."""

import json
import random
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from app.runtime.embedded.stack import EmbeddedStack, embedded_stack
from tests.conftest import execute
from tests.failure.arming import Arming
from tests.failure.checker import check
from tests.failure.commands import asked, environment_of, funnel
from tests.failure.fleet import Fleet
from tests.failure.producing import Producing
from tests.failure.reading import CONTACTS, observe
from tests.failure.rig import until
from tests.failure.run import PARTITIONS
from tests.failure.settling import settle
from tests.failure.traffic import Traffic

INTERACTIONS, CUSTOMERS, RATE = 6_000, 800, 1_000.0


async def copy_database(stack: EmbeddedStack, source: str, target: str) -> None:
    """While nobody is connected; a session that is just ending is waited for."""
    admin = urlsplit(stack.database_url)._replace(path="/postgres").geturl()

    async def done() -> bool:
        try:
            await execute(admin, f"DROP DATABASE IF EXISTS {target}")
            await execute(admin, f"CREATE DATABASE {target} TEMPLATE {source}")
        except asyncpg.ObjectInUseError:
            return False
        return True

    await until(done)


async def make_contacts_topic_again(stack: EmbeddedStack, environment: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    try:
        await admin.delete_topics([CONTACTS])

        async def is_gone() -> bool:
            return CONTACTS not in await admin.list_topics()

        await until(is_gone)
    finally:
        await admin.close()
    await funnel(environment, "topics", "apply")


@pytest.mark.timeout(400)
@pytest.mark.stack
async def test_a_database_of_an_hour_ago_and_a_lost_topic_are_made_good(
    own_directory: Path,
) -> None:
    async with embedded_stack(own_directory / "stack", wipe=True, progress=lambda _: None) as stack:
        environment = environment_of(stack)
        name = urlsplit(stack.database_url).path.removeprefix("/")
        await funnel(environment, "migrate")
        await funnel(environment, "topics", "apply")
        rng = random.Random(11)
        traffic = Traffic(11, CUSTOMERS, INTERACTIONS, datetime.now(UTC)).sendings()
        sent = [
            Producing(stack.bootstrap_servers, islice(traffic, n), RATE)
            for n in (2_000, 2_000, None)
        ]
        for number, producing in enumerate(sent):
            logs = own_directory / f"logs-{number}"
            logs.mkdir()
            arming = Arming(rng, own_directory / "failpoints.log", "")
            fleet = Fleet(2, environment, arming.environment, logs, rng)
            fleet.start()
            try:
                await producing.run()
                assert await settle(stack.bootstrap_servers, PARTITIONS, 90.0, lambda _: None)
                if number == 2:
                    await make_contacts_topic_again(stack, environment)
                    await funnel(environment, "contact", "republish", "--all")
                    assert await settle(stack.bootstrap_servers, PARTITIONS, 90.0, lambda _: None)
                elif number == 1:
                    await fleet.kill_all()
            finally:
                await fleet.stop()
            if number == 0:
                await copy_database(stack, name, "backup")
            elif number == 1:
                await copy_database(stack, "backup", name)
                restored = await asked(environment, "audit", "--once", "--json")
                found = {each["check"] for each in json.loads(restored)["findings"]}
                assert "d_before_k" in found
        observed = await observe(
            stack.bootstrap_servers,
            stack.database_url,
            PARTITIONS,
            set().union(*(one.acknowledged for one in sent)),
        )
        audited = json.loads(await asked(environment, "audit", "--once", "--all", "--json"))
        replayed = json.loads(await asked(environment, "replay", "--json"))
    report = check(observed)
    assert report.violations[:10] == [], "\n".join(map(str, report.violations))
    assert report.facts["standing_transitions"] > CUSTOMERS
    assert len({record.key for record in observed.snapshots}) > CUSTOMERS / 2
    assert audited["findings"] == []
    assert audited["checked"]["stage_changes"] > CUSTOMERS
    assert (replayed["differing"], replayed["problems"]) == (0, [])
