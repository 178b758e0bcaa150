"""`funnel publish FILE` on the real stack: each row once, whatever interrupts it."""

import asyncio
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from app.cli.importing.run import SAVED_EVERY_ROWS
from app.contract.files import SCHEMAS
from app.domain.topics import Topic
from app.runtime.embedded.stack import EmbeddedStack
from tests.scenario.conftest import Service

FUNNEL = [sys.executable, "-m", "app.cli.main"]
EXAMPLES = SCHEMAS / "examples" / "imports"
Publish = Callable[..., Coroutine[Any, Any, tuple[int, str, str]]]
OWN_MODEL = """\
name: ours
version: 1
extends: b2b-default@1
interactions:
  calculator.used: {requires: [result], class: intent, points: 40, half_life: 60 d}
"""


@pytest.fixture
def environment(stack: EmbeddedStack, service: Service) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FUNNEL_")}
    return {
        **clean,
        "FUNNEL_KAFKA__BOOTSTRAP_SERVERS": stack.bootstrap_servers,
        "FUNNEL_KAFKA__GROUP_ID": urlsplit(service.database_url).path.strip("/"),
        "FUNNEL_DATABASE__URL": service.database_url,
    }


async def started(environment: dict[str, str], *args: str | Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *FUNNEL,
        *map(str, args),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.fixture
def funnel(environment: dict[str, str]) -> Publish:
    async def run(*args: str | Path) -> tuple[int, str, str]:
        process = await started(environment, *args)
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    return run


async def ids_on_topic(stack: EmbeddedStack, source: str) -> list[str]:
    """Of the source's interactions, as they stand on the topic now."""
    found = []
    async with AIOKafkaConsumer(
        Topic.INTERACTIONS,
        bootstrap_servers=stack.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    ) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                records = await consumer.getmany(partition, timeout_ms=1000)
                for record in records.get(partition, ()):
                    event = json.loads(record.value)
                    if event.get("source") == source:
                        found.append(event["id"])
    return found


async def stages(service: Service, contacts: list[str]) -> dict[str, int]:
    """How many of them are in each stage, once all are known: other tests share the topics."""
    connection = await asyncpg.connect(service.database_url)
    try:
        while True:
            rows = await connection.fetch(
                "SELECT stage, count(*) AS n FROM contact"
                " WHERE contact_id = ANY($1) GROUP BY stage",
                contacts,
            )
            counts = {row["stage"]: row["n"] for row in rows}
            if sum(counts.values()) >= len(contacts):
                return counts
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


async def test_the_scans_of_a_trade_show_make_leads_prospects_and_opportunities(
    service: Service, funnel: Publish, stack: EmbeddedStack, tmp_path: Path
) -> None:
    shutil.copy(EXAMPLES / "scans.yaml", tmp_path)
    # Of last week: an opportunity that nobody touches is recycled after 60 days.
    lately = (datetime.now(UTC) - timedelta(days=7)).strftime("%d.%m.%Y")
    scans = (EXAMPLES / "scans.csv").read_text().replace("15.09.2026", lately)
    (tmp_path / "scans.csv").write_text(scans)
    command = ("publish", tmp_path / "scans.csv", "--mapping", tmp_path / "scans.yaml")
    assert (await funnel(*command))[:2] == (1, "sent 19, refused 2\n")
    code, said, told = await funnel(*command)
    assert (code, said) == (0, "sent 19, refused 2\n")
    assert "nothing to do" in told
    assert (await funnel(*command, "--restart"))[1] == "sent 19, refused 2\n"
    source = "https://expo.example/2026/badge-scanner"
    ids = await ids_on_topic(stack, source)
    assert (len(ids), len(set(ids))) == (38, 18)  # one badge was scanned twice

    lines = {tuple(line.split(";")) for line in scans.splitlines()[1:]}
    good = {row[2]: row for row in lines if row[2] and row[5] != "perhaps"}
    keys = [hashlib.sha256(address.encode()).hexdigest() for address in good]
    counts = await stages(service, keys)
    asked = sum(row[6] in ("demo", "prices") for row in good.values())
    talked = sum(row[6] == "" and row[5] == "yes" for row in good.values())
    assert counts == {
        "lead": len(good) - asked - talked,
        "prospect": talked,
        "opportunity": asked,
    }


async def test_an_import_that_is_killed_goes_on_and_sends_each_row_once(
    funnel: Publish,
    environment: dict[str, str],
    stack: EmbeddedStack,
    service: Service,
    tmp_path: Path,
) -> None:
    file, source, rows = tmp_path / "many.csv", f"/{service.contact()}", 3 * SAVED_EVERY_ROWS
    lines = [f"{source}-{n},email.opened,m{n}" for n in range(rows)]
    lines[rows - 10] = "nobody,email.opened"
    file.write_text("\n".join(["subject,type,data.message_id", *lines]) + "\n")
    command = ("publish", file, "--source", source, "--backfill")
    state = tmp_path / "many.state.json"
    killed = await started(environment, *command, "--rate", "1500")
    while not state.exists():
        assert killed.returncode is None
        await asyncio.sleep(0.02)
    killed.kill()
    await killed.communicate()
    place = json.loads(state.read_bytes())
    kept = place["sent"]
    assert (place["is_complete"], kept % SAVED_EVERY_ROWS) == (False, 0)
    assert 0 < kept < rows

    code, said, told = await funnel(*command)
    assert (code, said) == (1, f"sent {rows - 1:,}, refused 1\n")
    assert f"going on after row {kept + 1}" in told
    ids = await ids_on_topic(stack, source)
    assert len(set(ids)) == rows - 1
    assert len(ids) < 2 * rows - kept
    errors = (tmp_path / "many.errors.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in errors] == ["row", str(rows - 8)]


async def test_a_file_that_changed_begins_anew_and_repeats_nothing(
    funnel: Publish, stack: EmbeddedStack, service: Service, tmp_path: Path
) -> None:
    file, source = tmp_path / "demos.ndjson", f"/{service.contact()}"
    event = {"type": "demo.requested", "subject": source, "data": {"product_id": "a"}}
    file.write_text(json.dumps(event) + "\n")
    command = ("publish", file, "--source", source)
    assert (await funnel(*command))[:2] == (0, "sent 1, refused 0\n")
    file.write_text(json.dumps({**event, "data": {"product_id": "b"}}) + "\n" + file.read_text())
    code, said, told = await funnel(*command)
    assert (code, said) == (0, "sent 2, refused 0\n")
    assert "changed since it was sent: from the beginning" in told
    ids = await ids_on_topic(stack, source)
    assert (len(ids), len(set(ids))) == (3, 2)


async def test_types_of_a_tenants_activated_model_are_known(
    funnel: Publish, service: Service, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "ours@1.yaml").write_text(OWN_MODEL)
    file = tmp_path / "uses.csv"
    file.write_text("subject,type,data.result\ncrm-1,calculator.used,3\n")
    command = ("publish", file, "--tenant", "acme", "--dry-run")
    code, _, told = await funnel(*command)
    assert code == 1
    assert "unknown_type" in told

    with_models = {**environment, "FUNNEL_MODELS_DIR": str(tmp_path)}
    activating = await started(
        with_models, "model", "activate", "ours@1", "--forward", "--tenant", "acme"
    )
    said = await activating.communicate()
    assert activating.returncode == 0, said
    for _ in range(600):
        code, _, told = await funnel(*command)
        if code == 0:
            break
    assert code == 0, told
    assert (await funnel("publish", file, "--dry-run"))[0] == 1
    one = ("publish", "calculator.used", "crm-2", "-f", "result=3")
    assert (await funnel(*one, "--tenant", "acme"))[0] == 0
    assert (await funnel(*one))[0] == 1
