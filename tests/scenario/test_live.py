"""The live stream and the rolling counts, on real topics: what is published is told, once or more,
never less."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.api.principal import Scope
from app.bootstrap_api import ApiServices, build_api_services
from app.domain.topics import Topic
from app.runtime.embedded.stack import EmbeddedStack
from app.runtime.shell import run
from app.settings import Settings, load
from app.telemetry.metrics import Metrics
from tests.scenario.conftest import Service, event
from tests.scenario.listening import listening
from tests.scenario.serving import token
from tests.scenario.test_mission import DEMO, SIGN_UP

BECAME = "funnel.contact.became_opportunity.v1"
CHANGED = "funnel.contact.stage_changed.v1"
ALL_THREE = ["lead", "prospect", "opportunity"]
ANN = {"authorization": "Bearer ann"}


class Running:
    """The role api in this process."""

    def __init__(self, settings: Settings) -> None:
        self.metrics = Metrics()
        self.services: ApiServices = build_api_services(settings, self.metrics)
        self._stop, self._started = asyncio.Event(), asyncio.Event()
        self._ended = asyncio.create_task(
            run(
                lambda: list(self.services),
                drain_timeout_seconds=3.0,
                stop=self._stop,
                started=self._started,
            )
        )

    async def client(self) -> httpx.AsyncClient:
        await self._started.wait()
        headers = {"authorization": "Bearer jo"}
        return httpx.AsyncClient(base_url=self.services.web.url, headers=headers, timeout=30)

    async def stop(self) -> int:
        self._stop.set()
        return await self._ended

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"funnel_{name}", labels) or 0.0


def settings_of(stack: EmbeddedStack, service: Service, **live: Any) -> Settings:
    tokens = json.dumps([token("jo", list(Scope)), token("ann", list(Scope), "acme")])
    group = urlsplit(service.database_url).path.strip("/")
    return load(
        {},
        api={"tokens": tokens, "port": 0},
        kafka={"bootstrap_servers": stack.bootstrap_servers, "group_id": group},
        database={"url": service.database_url},
        live={"stream_heartbeat_seconds": 0.2, **live},
    )


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a metric has no event
            await asyncio.sleep(0)


@pytest.fixture(scope="module")
async def running(stack: EmbeddedStack, service: Service) -> AsyncIterator[Running]:
    contact = service.contact()
    await service.publish(contact, *SIGN_UP)
    await service.stages(contact, 1)  # the lanes run
    started = Running(settings_of(stack, service))
    yield started
    assert await started.stop() == 0


@pytest.fixture
async def client(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with await running.client() as made:
        yield made


async def test_what_is_published_arrives_as_it_was_published(
    client: httpx.AsyncClient, service: Service
) -> None:
    contact = service.contact()
    async with listening(client, type=CHANGED) as told:
        await told.begun()
        await service.publish(contact, *DEMO)
        while (heard := await told.event()).data["subject"] != contact:
            pass
    assert heard.name == "message"
    assert (heard.data["specversion"], heard.data["tenantid"]) == ("1.0", "default")
    (published,) = (await service.records(Topic.STAGE_CHANGES, contact, 1))[:1]
    assert heard.data["data"] == {k: v for k, v in published.items() if k != "ce_type"}
    assert heard.data["type"] == published["ce_type"]
    assert told.retry_ms > 0


async def test_who_connects_again_misses_nothing(
    client: httpx.AsyncClient, service: Service
) -> None:
    first, second, third = (service.contact() for _ in range(3))
    async with listening(client, type=CHANGED) as told:
        await told.begun()
        await service.publish(first, *DEMO)
        assert await told.moves(first, 1) == ["lead"]  # in the middle of a batch
    await service.publish(second, *DEMO)
    await service.stages(second, 3)
    async with listening(client, told.last_id, type=CHANGED) as again:
        heard: dict[str, list[str]] = {first: [], second: [], third: []}
        ids: dict[str, str] = {}
        await service.publish(third, *DEMO)
        while heard != dict.fromkeys(heard, ALL_THREE):
            data = (await again.event()).data
            if data["subject"] in heard and data["id"] not in ids:
                ids[data["id"]] = data["subject"]
                heard[data["subject"]].append(data["data"]["to_stage"])


async def test_another_process_goes_on_where_one_stopped(
    client: httpx.AsyncClient, service: Service, stack: EmbeddedStack
) -> None:
    """After its start it knows of the past only what PostgreSQL does."""
    async with listening(client) as told:
        await told.begun()
    contact = service.contact()
    await service.publish(contact, *DEMO)
    await service.stages(contact, 3)
    other = Running(settings_of(stack, service))
    async with await other.client() as elsewhere, listening(elsewhere, told.last_id) as again:
        assert await again.moves(contact, 3) == ALL_THREE
        later = service.contact()
        await service.publish(later, *DEMO)
        assert await again.moves(later, 3) == ALL_THREE
    assert await other.stop() == 0


async def test_what_was_told_is_not_told_again_after_the_last_event(
    client: httpx.AsyncClient, service: Service
) -> None:
    contact, later = service.contact(), service.contact()
    async with listening(client, type=CHANGED) as told:
        await told.begun()
        await service.publish(contact, *DEMO)
        assert await told.moves(contact, 3) == ALL_THREE
    async with listening(client, told.last_id, type=CHANGED) as again:
        await service.publish(later, *DEMO)
        assert (await again.event()).data["subject"] == later


@pytest.mark.parametrize("last_id", ["nonsense", "AAAA", "kgGUAQ"])
async def test_an_unknown_position_is_told_and_the_stream_goes_on(
    client: httpx.AsyncClient, service: Service, last_id: str
) -> None:
    contact = service.contact()
    async with listening(client, last_id) as told:
        reset = await told.event()
        assert (reset.name, reset.data["reason"]) == ("reset", "unknown_position")
        await service.publish(contact, *DEMO)
        assert await told.moves(contact, 3) == ALL_THREE


async def test_a_position_of_another_database_is_told(client: httpx.AsyncClient) -> None:
    from app.live.position import Position

    async with listening(client) as told:
        await told.begun()
    position = Position.parse(told.last_id)
    assert position is not None
    position.advance(0, 0, 10**6)
    async with listening(client, position.text.decode()) as again:
        assert (await again.event()).data["reason"] == "unknown_position"


async def test_too_much_that_passed_is_told(
    client: httpx.AsyncClient, service: Service, stack: EmbeddedStack
) -> None:
    async with listening(client) as told:
        await told.begun()
    for _ in range(2):  # one after the other: two batches
        contact = service.contact()
        await service.publish(contact, *DEMO)
        await service.stages(contact, 3)
    other = Running(settings_of(stack, service, resume_max_batches=1))
    async with await other.client() as elsewhere, listening(elsewhere, told.last_id) as again:
        reset = await again.event()
        assert (reset.name, reset.data["reason"]) == ("reset", "too_far_back")
    assert await other.stop() == 0


async def test_only_what_was_asked_for_is_told(client: httpx.AsyncClient, service: Service) -> None:
    contact, last = service.contact(), service.contact()
    async with (
        listening(client, type=[BECAME, CHANGED], stage="opportunity") as told,
        listening(client, owner_team="nobody") as nothing,
    ):
        await told.begun()
        await nothing.begun()
        await service.publish(contact, *DEMO)
        await service.stages(contact, 3)
        await service.publish(last, *DEMO)
        heard: list[Any] = []
        while len([each for each in heard if each["subject"] == last]) < 2:
            heard.append((await told.event()).data)
        while nothing.comments == 0:
            nothing_heard = asyncio.create_task(nothing.event())
            await asyncio.wait([nothing_heard], timeout=0.5)
            assert not nothing_heard.done()
            nothing_heard.cancel()
            await asyncio.wait([nothing_heard])
    assert {(each["type"], each["data"]["stage"]) for each in heard} == {
        (BECAME, "opportunity"),
        (CHANGED, "opportunity"),
    }


async def test_tenants_hear_their_own_only(client: httpx.AsyncClient, service: Service) -> None:
    mine, acmes = service.contact(), service.contact()
    async with listening(client) as told, listening(client, headers=ANN) as of_acme:
        await told.begun()
        await of_acme.begun()
        await client.post("/v1/interactions", json=event(acmes, *DEMO), headers=ANN)
        await service.stages(f"acme/{acmes}", 3)
        await service.publish(mine, *DEMO)
        assert (await of_acme.event()).data["subject"] == acmes
        assert (await told.event()).data["tenantid"] == "default"
    before = told.last_id
    async with listening(client, of_acme.last_id, headers=ANN) as again:
        assert again.answer.status_code == 200
    async with listening(client, before) as resumed:
        data = (await resumed.event()).data
        assert data["tenantid"] == "default"


async def test_moves_are_counted_by_tenant(client: httpx.AsyncClient, service: Service) -> None:
    contact = service.contact()

    async def entered(headers: dict[str, str] | None = None) -> int:
        answer = await client.get("/v1/funnel/live", headers=headers)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (len(found["minutes"]), len(found["hours"])) == (60, 24)
        assert sum(each["moved"] for each in found["minutes"]) == sum(
            each["moved"] for each in found["last_hour"]["transitions"]
        )
        return int(found["last_hour"]["entered"].get("opportunity", 0))

    async with listening(client) as told:
        await told.begun()
        before, of_acme = await entered(), await entered(ANN)
        await service.publish(contact, *DEMO)
        await told.moves(contact, 3)
    assert await entered() == before + 1
    assert await entered(ANN) == of_acme


async def test_counts_begin_with_the_past_and_count_nothing_twice(
    client: httpx.AsyncClient, service: Service, stack: EmbeddedStack
) -> None:
    async def last_hour(of: httpx.AsyncClient) -> Any:
        return (await of.get("/v1/funnel/live")).json()["last_hour"]

    contact = service.contact()
    other = Running(settings_of(stack, service))
    async with await other.client() as elsewhere, listening(elsewhere) as told:
        await told.begun()
        async with listening(client) as here:
            await here.begun()
            await service.publish(contact, *DEMO)
            await told.moves(contact, 3)
            await here.moves(contact, 3)
        assert await last_hour(elsewhere) == await last_hour(client)
    assert await other.stop() == 0


async def test_who_reads_too_slowly_is_told_why_and_dropped(
    service: Service, stack: EmbeddedStack
) -> None:
    own = Running(settings_of(stack, service, stream_queue_max_events=2))
    async with await own.client() as client, listening(client) as told:
        await told.begun()
        contact = service.contact()
        await service.publish(contact, *DEMO)  # more than two events at once
        dropped = await told.event()
        while dropped.name == "message":
            dropped = await told.event()
        assert (dropped.name, dropped.data["reason"]) == ("dropped", "too_slow")
        with pytest.raises(EOFError):
            await told.event()
        assert own.metric("stream_ends_total", reason="too_slow") == 1
        async with listening(client, dropped.last_id) as again:
            assert await again.moves(contact, 3) == ALL_THREE
    assert await own.stop() == 0


async def test_there_are_no_more_streams_than_may_be(
    service: Service, stack: EmbeddedStack
) -> None:
    own = Running(settings_of(stack, service, stream_clients_max=1))
    async with await own.client() as client:
        async with listening(client):
            assert own.metric("stream_clients") == 1
            answer = await client.get("/v1/stream")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert answer.json()["type"].endswith("too-many-streams")
        await eventually(lambda: own.metric("stream_clients") == 0)
        async with listening(client) as told:
            await told.begun()
    assert await own.stop() == 0


async def test_a_stream_is_ended_from_time_to_time(service: Service, stack: EmbeddedStack) -> None:
    own = Running(settings_of(stack, service, stream_max_age_seconds=0.5))
    async with await own.client() as client, listening(client) as told:
        ended = await told.event()
        assert (ended.name, ended.data["reason"]) == ("end", "renew")
        assert ended.last_id
        with pytest.raises(EOFError):
            await told.event()
    assert await own.stop() == 0


async def test_a_failing_agent_is_counted_and_the_live_view_goes_on(
    service: Service, stack: EmbeddedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.live import hub

    own = Running(settings_of(stack, service))
    first, second = service.contact(), service.contact()
    async with await own.client() as client:
        async with listening(client) as told:
            await told.begun()
            with monkeypatch.context() as broken:
                broken.setattr(hub.Hub, "_tell", lambda *_: 1 / 0)
                await service.publish(first, *DEMO)
                ended = await told.event()
            assert (ended.name, ended.data["reason"]) == ("end", "restarted")
        assert own.metric("live_failures_total", part="stream") >= 1
        async with listening(client, ended.last_id) as again:
            await service.publish(second, *DEMO)
            assert await again.moves(first, 3) == ALL_THREE
            assert await again.moves(second, 3) == ALL_THREE
    assert await own.stop() == 0


async def test_the_end_of_the_service_ends_all_streams_in_time(
    service: Service, stack: EmbeddedStack
) -> None:
    own = Running(settings_of(stack, service))
    async with await own.client() as client, listening(client) as told:
        await told.begun()
        stuck = socket.create_connection((own.services.web.host, own.services.web.port))
        request = b"GET /v1/stream HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer jo\r\n\r\n"
        stuck.sendall(request)
        stopping = asyncio.create_task(own.stop())
        ended = await told.event()
        assert (ended.name, ended.data["reason"]) == ("end", "stopping")
        with pytest.raises(EOFError):
            await told.event()
        assert await stopping == 0
        stuck.close()
