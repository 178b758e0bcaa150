"""What the guides in schemas/guides tell is so: their code, copied out, on the real stack."""

import asyncio
import base64
import json
import secrets
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from app.contract.files import SCHEMAS, read
from app.domain.topics import Topic
from app.runtime.embedded.jars import kafka_jars
from app.runtime.embedded.java import find_java
from app.runtime.embedded.stack import EmbeddedStack
from tests.scenario.conftest import Service
from tests.scenario.guides import GUIDES, PYTHON, files_of, run, running, write
from tests.scenario.test_api import api as api
from tests.scenario.test_mission import DEMO, SIGN_UP

Environment = dict[str, str]
JAVA_FILES = ("Publish.java", "Subscribe.java")


@pytest.fixture
def kafka(stack: EmbeddedStack) -> Environment:
    return {"KAFKA": stack.bootstrap_servers}


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The files of all guides."""
    for guide in sorted(GUIDES.glob("*.md")):
        write(guide.stem, tmp_path)
    return tmp_path


@pytest.fixture
async def java(stack: EmbeddedStack, folder: Path) -> list[str]:
    """The command that runs one of the Java clients; skipped where there is no compiler."""
    found = find_java()
    javac = shutil.which("javac", path=str(found.home / "bin")) or shutil.which("javac")
    if javac is None:
        pytest.skip("no javac: this Java can run Kafka but not compile the guides")
    jars = await kafka_jars(found, lambda _: None)
    path = f"{jars}/*:{folder}"
    await run(
        javac, "-Xlint:all", "-Werror", "-cp", path, *JAVA_FILES, folder=folder, environment={}
    )
    return [str(found.binary), "-cp", path]


async def test_publish_in_python(service: Service, folder: Path, kafka: Environment) -> None:
    contact = service.contact()
    for _ in range(2):
        said = await run(PYTHON, "publish.py", contact, "form-1", folder=folder, environment=kafka)
        assert said.endswith(f"published demo.requested of {contact}\n")
    await service.publish(contact, "deal.won", {"deal_id": "d"})
    assert (await service.stages(contact, 4)) == ["lead", "prospect", "opportunity", "customer"]


async def test_publish_in_java(
    service: Service, folder: Path, kafka: Environment, java: list[str]
) -> None:
    contact = service.contact()
    said = await run(
        *(*java, "Publish", contact, "mail-1"),
        folder=folder,
        environment=kafka,
    )
    assert f"published email.replied of {contact}\n" in said
    assert await service.stages(contact, 2) == ["lead", "prospect"]


def access(api: httpx.AsyncClient) -> Environment:
    return {"FUNNEL_URL": str(api.base_url).rstrip("/"), "FUNNEL_TOKEN": "jo"}


async def test_publish_with_curl(service: Service, folder: Path, api: httpx.AsyncClient) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    contact = service.contact()
    said = await run("sh", "publish.sh", contact, "s-1", folder=folder, environment=access(api))
    assert json.loads(said) == {"accepted": 1, "refused": 0, "errors": []}
    assert await service.stages(contact, 1) == ["lead"]


def opportunities(folder: Path) -> list[tuple[str, int]]:
    with sqlite3.connect(folder / "seen.db") as database:
        found = database.execute("SELECT contact, cycle FROM opportunity").fetchall()
    database.close()
    return found


async def test_subscribe_in_python_twice_is_as_good_as_once(
    service: Service, folder: Path, kafka: Environment, unique: str
) -> None:
    contact = service.contact()
    await service.publish(contact, *DEMO)
    became = f"{contact} became an opportunity by demo.requested"
    for group, seen in ((unique, "new"), (f"{unique}-reset", "seen before")):
        async with running(
            PYTHON, "subscribe.py", group, "seen.db", folder=folder, environment=kafka
        ) as program:
            assert await program.line(became) == f"{became}, {seen}"
    assert [each for each in opportunities(folder) if each[0] == contact] == [(contact, 1)]


async def test_subscribe_in_python_goes_on_where_it_was(
    service: Service, folder: Path, kafka: Environment, unique: str
) -> None:
    first, second = service.contact(), service.contact()
    for contact in (first, second):
        await service.publish(contact, *DEMO)
        async with running(
            PYTHON, "subscribe.py", unique, "seen.db", folder=folder, environment=kafka
        ) as program:
            await program.line(f"{contact} became")
    contacts = [each for each, _ in opportunities(folder)]
    assert contacts.count(first) == contacts.count(second) == 1


async def test_subscribe_in_java(
    service: Service, folder: Path, kafka: Environment, java: list[str], unique: str
) -> None:
    contact = service.contact()
    await service.publish(contact, *DEMO)
    (became, *_) = await service.records(Topic.OPPORTUNITIES, contact, 2)
    assert became["ce_type"] == "funnel.contact.became_opportunity.v1"
    async with running(*(*java, "Subscribe", unique), folder=folder, environment=kafka) as program:
        line = await program.line(f"{contact} became an opportunity by demo.requested, ce_id ")
    assert len(line.rpartition(" ")[2]) == 32


SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()


def delivery(contact: str, seq: int, stage: str) -> tuple[str, bytes]:
    """An event's id, and the event as a webhook carries it."""
    example = read(SCHEMAS / "outputs/examples/funnel.contact.stage_changed.v1/valid-1.json")
    attributes = {
        name.removeprefix("ce_"): value
        for name, value in example["headers"].items()
        if name.startswith("ce_")
    }
    data = {**example["value"], "contact_id": contact, "seq": seq, "stage": stage}
    event = {**attributes, "subject": contact, "datacontenttype": "application/json"}
    return secrets.token_hex(16), json.dumps({**event, "data": data}).encode()


def signed(webhook_id: str, body: bytes, at: datetime | None = None) -> dict[str, str]:
    moment = at or datetime.now(UTC)
    signature = Webhook(SECRET).sign(webhook_id, moment, body.decode())
    return {
        "content-type": "application/cloudevents+json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature,
    }


async def test_receive_a_webhook(folder: Path) -> None:
    """Whatever a sender does: twice, out of order, forged, late, too large."""
    async with running(
        *(PYTHON, "receive.py", "0", "received.db"),
        folder=folder,
        environment={"WEBHOOK_SECRET": SECRET},
    ) as program:
        port = int((await program.line("listening")).split()[-1])
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            newer, older = delivery("crm-1", 3, "opportunity"), delivery("crm-1", 2, "prospect")
            for webhook_id, body in (newer, newer, older):
                answer = await client.post("/", content=body, headers=signed(webhook_id, body))
                assert answer.status_code == 204
            webhook_id, body = delivery("crm-2", 1, "lead")
            forged = signed(webhook_id, body + b" ")
            assert (await client.post("/", content=body, headers=forged)).status_code == 401
            late = signed(webhook_id, body, datetime.now(UTC) - timedelta(hours=1))
            assert (await client.post("/", content=body, headers=late)).status_code == 401
            large = b" " * 300_000
            refused = await client.post("/", content=large, headers=signed("x", large))
            assert refused.status_code == 413
    with sqlite3.connect(folder / "received.db") as database:
        contacts = database.execute("SELECT id, seq, stage FROM contact").fetchall()
        handled = database.execute("SELECT count(*) FROM handled").fetchone()
    database.close()
    assert (contacts, handled) == ([("crm-1", 3, "opportunity")], (2,))


class Crm:
    """One that is away for its first request of all, as happens."""

    def __init__(self) -> None:
        self.deals: dict[str, dict[str, Any]] = {}
        self.changes: list[dict[str, Any]] = []
        self.changed = asyncio.Event()
        self.url = ""
        self._is_away = True

    async def put(self, request: web.Request) -> web.Response:
        if self._is_away:
            self._is_away = False
            return web.Response(status=503)
        deal = self.deals.setdefault(request.match_info["key"], {})
        deal.update(await request.json())
        self.changed.set()
        return web.json_response(deal)

    async def get(self, request: web.Request) -> web.Response:
        after = int(request.query["after"])
        return web.json_response([each for each in self.changes if each["change"] > after])


@pytest.fixture
async def crm() -> AsyncIterator[Crm]:
    made = Crm()
    application = web.Application()
    application.router.add_put("/deals/{key}", made.put)
    application.router.add_get("/changes", made.get)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


async def test_an_opportunity_becomes_a_deal(
    service: Service, folder: Path, kafka: Environment, crm: Crm, unique: str
) -> None:
    contact = service.contact()
    environment = {**kafka, "CRM_URL": crm.url}
    await service.publish(contact, *DEMO)
    key = f"default.{contact}.1"
    async with running(
        PYTHON, "crm_out.py", unique, folder=folder, environment=environment
    ) as program:
        await program.line(f"{key}: became_opportunity")
        await program.line(f"{key}: handoff_requested")
        deal = dict(crm.deals[key])
        assert (deal["contact"], deal["stage"], deal["task"]) == (contact, "new", "take over")
        assert deal["why"][0] == "demo.requested"
        await service.publish(
            contact, "contact.disqualified", {"reason": "test"}, topic=Topic.COMMANDS
        )
        await program.line(f"{key}: opportunity_closed")
    assert crm.deals[key]["stage"] == "withdrawn"
    async with running(
        *(PYTHON, "crm_out.py", f"{unique}-again"), folder=folder, environment=environment
    ) as program:
        await program.line(f"{key}: opportunity_closed")
    assert crm.deals[key]["stage"] == "withdrawn"
    assert [each for each in crm.deals if contact in each] == [key]


async def test_deal_stages_come_back_as_interactions(
    service: Service, folder: Path, api: httpx.AsyncClient, crm: Crm
) -> None:
    won, lost = service.contact(), service.contact()
    environment = {**access(api), "CRM_URL": crm.url}
    for contact in (won, lost):
        await service.publish(contact, *DEMO)
        await service.stages(contact, 3)
    changes: list[dict[str, Any]] = [
        {"deal_id": "d1", "contact": won, "stage": "offer", "amount": 900, "currency": "EUR"},
        {"deal_id": "d2", "contact": lost, "stage": "new"},
        {"deal_id": "d3", "contact": lost, "stage": "new", "amount": "many"},
        {"deal_id": "d1", "contact": won, "stage": "won", "amount": 800, "currency": "EUR"},
        {"deal_id": "d2", "contact": lost, "stage": "lost", "reason": "competitor"},
    ]
    for number, change in enumerate(changes, start=1):
        at = datetime.fromtimestamp(time.time(), UTC).isoformat()
        crm.changes.append({**change, "change": number, "at": at})

    async def sync() -> str:
        return await run(PYTHON, "crm_in.py", "place", folder=folder, environment=environment)

    said = await sync()
    assert "change 3 refused: must be of type number" in said
    assert "sent 4, refused 1" in said
    assert (await service.stages(won, 4))[-1] == "customer"
    assert (await service.stages(lost, 4))[-1] == "lost"
    assert await sync() == "nothing new\n"
    (folder / "place").unlink()
    assert "sent 4, refused 1" in await sync()
    await service.publish(won, *SIGN_UP)
    timeline = (await api.get(f"/v1/contacts/{won}/timeline")).json()["items"]
    assert [each["id"] for each in timeline if each["type"].startswith("deal.")] == ["d1-4", "d1-1"]


def test_every_guide_has_code_and_every_code_is_run() -> None:
    there = {name for guide in GUIDES.glob("*.md") for name in files_of(guide.stem)}
    tests = Path(__file__).read_text(encoding="utf-8")
    assert there > set(JAVA_FILES)
    assert all(f'"{name}"' in tests for name in there)
