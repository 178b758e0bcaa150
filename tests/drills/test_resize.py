"""12 partitions become 24: real workers, traffic before and after, judged by the checker."""

import asyncio
import json
import os
import random
import re
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import asyncpg
import pytest

from app.runtime.embedded.stack import embedded_stack
from tests.failure.arming import Arming
from tests.failure.checker import check
from tests.failure.commands import asked, environment_of, funnel
from tests.failure.envelope import Earlier
from tests.failure.fleet import Fleet
from tests.failure.judged import Violation
from tests.failure.producing import Producing
from tests.failure.reading import INPUTS, observe
from tests.failure.settling import settle
from tests.failure.traffic import Traffic

BEFORE, AFTER = 12, 24
INTERACTIONS, CONTACTS, RATE = 6_000, 800, 800.0


@pytest.mark.timeout(400)
@pytest.mark.stack
async def test_twelve_partitions_become_twenty_four_and_nothing_is_lost(
    own_directory: Path,
) -> None:
    (own_directory / "logs").mkdir()
    async with embedded_stack(own_directory / "stack", wipe=True, progress=lambda _: None) as stack:
        environment = {**environment_of(stack), "FUNNEL_LOGS__LEVEL": "debug"}
        await funnel(environment, "migrate")
        await funnel(environment, "topics", "apply")
        rng = random.Random(7)
        traffic = Traffic(7, CONTACTS, INTERACTIONS, datetime.now(UTC)).sendings()
        arming = Arming(rng, own_directory / "failpoints.log", "")
        sent = [
            Producing(stack.bootstrap_servers, islice(traffic, n), RATE)
            for n in (2_500, 1_000, None)
        ]
        first = Fleet(2, environment, arming.environment, own_directory / "logs", rng)
        first.start()
        await sent[0].run()
        assert await settle(stack.bootstrap_servers, BEFORE, 90.0, lambda _: None)
        with pytest.raises(RuntimeError, match="stop them"):
            await funnel(environment, "lane", "resize", str(AFTER))
        await first.stop()
        await sent[1].run()  # producers go on: placed by the old homes, and read by the new
        with pytest.raises(RuntimeError, match="no multiple of the 12"):
            await funnel(environment, "lane", "resize", "18")
        await _killed(environment)
        await funnel(environment, "lane", "resize", str(AFTER))

        await funnel(environment, "lane", "resize", str(AFTER))  # said again: nothing to do
        earlier = await _standing(stack.database_url)
        (own_directory / "more").mkdir()
        second = Fleet(2, environment, arming.environment, own_directory / "more", rng)
        second.start()
        try:
            await sent[2].run()
            assert await settle(stack.bootstrap_servers, AFTER, 90.0, lambda _: None)
        finally:
            await second.stop()
        observed = await observe(
            stack.bootstrap_servers,
            stack.database_url,
            AFTER,
            set().union(*(one.acknowledged for one in sent)),
        )
        audited = await asked(environment, "audit", "--once", "--all", "--json")
        replayed = await asked(environment, "replay", "--json")
        used = await _used(stack.database_url)
        keys = await _keys(stack.database_url)
    observed.earlier = earlier
    report = check(observed)
    assert _judged(report.violations)[:10] == []
    assert report.facts["standing_transitions"] > CONTACTS
    assert used > BEFORE
    lines = _logged(own_directory)
    assert "partition_taken" in lines
    assert "batch_published" in lines  # of those with dead letters
    assert "@" not in lines
    assert [key for key in keys if re.search(rf"\b{re.escape(key)}\b", lines)] == []
    assert json.loads(audited)["findings"] == []
    assert json.loads(replayed)["differing"] == 0


async def _standing(database_url: str) -> Earlier:
    """Before any worker has run on the new partitions."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT partition, batch_seq, next_offsets FROM lane_partition"
            " WHERE lane = 'contacts' AND partition < $1",
            BEFORE,
        )
    finally:
        await connection.close()
    offsets = {
        (topic, row["partition"]): offset
        for row in rows
        for topic, offset in zip(INPUTS, row["next_offsets"], strict=True)
    }
    return Earlier(BEFORE, offsets, {row["partition"]: row["batch_seq"] for row in rows})


async def _killed(environment: dict[str, str]) -> None:
    """A resize that ends by force on the way changes nothing, or all."""
    process = await asyncio.create_subprocess_exec(
        *(".venv/bin/funnel", "lane", "resize", str(AFTER)),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await asyncio.sleep(1.5)
    if process.returncode is None:
        process.kill()
    await process.wait()


def _judged(violations: list[Violation]) -> list[Violation]:
    """Without those about contacts of which two copies differ, one of them forwarded for its new
    home: which was first can't be told."""
    texts = [each.what for each in violations if each.what.startswith("can't judge")]
    unsure = {found[1] for text in texts if (found := re.search(r"\('[^']+', '([^']+)'", text))}
    assert len(unsure) < 10
    return [each for each in violations if not any(f"'{key}'" in each.what for key in unsure)]


def _logged(scratch: Path) -> str:
    return "".join(log.read_text() for log in scratch.glob("*/worker-*.log"))


async def _keys(database_url: str) -> list[str]:
    connection = await asyncpg.connect(database_url)
    try:
        return [row[0] for row in await connection.fetch("SELECT contact_id FROM contact")]
    finally:
        await connection.close()


async def _used(database_url: str) -> int:
    connection = await asyncpg.connect(database_url)
    try:
        return int(await connection.fetchval("SELECT count(DISTINCT partition) FROM contact"))
    finally:
        await connection.close()
