"""More partitions: 12 to 24 with real workers and traffic before and after, judged by the checker."""

import asyncio
import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from app.runtime.embedded.stack import embedded_stack
from tests.failure.arming import Arming
from tests.failure.checker import check
from tests.failure.fleet import Fleet
from tests.failure.producing import Producing
from tests.failure.reading import observe
from tests.failure.run import _environment, _funnel
from tests.failure.settling import settle
from tests.failure.traffic import Traffic

BEFORE, AFTER = 12, 24
INTERACTIONS, CONTACTS, RATE = 6_000, 800, 800.0


@pytest.fixture
def scratch() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="funnel-resize-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.mark.timeout(400)
@pytest.mark.stack
async def test_twelve_partitions_become_twenty_four_and_nothing_is_lost(scratch: Path) -> None:
    (scratch / "logs").mkdir()
    async with embedded_stack(scratch / "stack", wipe=True) as stack:
        environment = _environment(stack, None)
        await _funnel(environment, "migrate")
        await _funnel(environment, "topics", "apply")
        rng = random.Random(7)
        traffic = Traffic(7, CONTACTS, INTERACTIONS, datetime.now(UTC)).sendings()
        arming = Arming(rng, scratch / "failpoints.log", "")
        producing = Producing(stack.bootstrap_servers, traffic, RATE)
        sending = asyncio.create_task(producing.run())

        first = Fleet(2, environment, arming.environment, scratch / "logs", rng)
        first.start()
        await asyncio.sleep(3.0)
        with pytest.raises(RuntimeError, match="run: stop them"):
            await _funnel(environment, "lane", "resize", str(AFTER))
        await first.stop()  # producers go on
        with pytest.raises(RuntimeError, match="no multiple of the 12"):
            await _funnel(environment, "lane", "resize", "18")
        await _killed(environment)
        await _funnel(environment, "lane", "resize", str(AFTER))

        (scratch / "more").mkdir()
        second = Fleet(2, environment, arming.environment, scratch / "more", rng)
        second.start()
        try:
            await sending
            assert await settle(stack.bootstrap_servers, AFTER, 90.0, lambda _: None)
        finally:
            await second.stop()
        observed = await observe(
            stack.bootstrap_servers, stack.database_url, AFTER, producing.acknowledged
        )
        audited = await _asked(environment, "audit", "--once", "--all", "--json")
        replayed = await _asked(environment, "replay", "--json")
        used = await _used(stack.database_url)
    report = check(_by_new_homes(observed))
    assert report.violations[:10] == []
    assert report.facts["standing_transitions"] > CONTACTS
    assert used > BEFORE
    assert json.loads(audited)["findings"] == []
    assert json.loads(replayed)["differing"] == 0


def _by_new_homes(observed: object) -> object:
    return observed


async def _killed(environment: dict[str, str]) -> None:
    """A resize that ends by force on the way changes nothing, or all."""
    process = await asyncio.create_subprocess_exec(
        *(".venv/bin/funnel", "lane", "resize", str(AFTER)),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await asyncio.sleep(4.0)
    if process.returncode is None:
        process.kill()
    await process.wait()


async def _asked(environment: dict[str, str], *command: str) -> str:
    import sys

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli.main", *command),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, wrong = await process.communicate()
    assert output, wrong.decode()
    return output.decode()


async def _used(database_url: str) -> int:
    connection = await asyncpg.connect(database_url)
    try:
        return int(await connection.fetchval("SELECT count(DISTINCT partition) FROM contact"))
    finally:
        await connection.close()
