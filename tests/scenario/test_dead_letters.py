"""Dead letters and halted partitions over HTTP: found, looked at, sent again, resumed."""

import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from app.api.principal import Scope
from app.domain.topics import Topic
from app.runtime.embedded.stack import EmbeddedStack
from tests.scenario.conftest import PARTITIONS, Service
from tests.scenario.serving import bearer, serving, token

MAIL = "ada@example.org"
SCHEMA_VIOLATION = "schema_violation"


@pytest.fixture(scope="module")
async def api(stack: EmbeddedStack, service: Service) -> AsyncIterator[httpx.AsyncClient]:
    tokens = [token("jo", list(Scope)), token("looker", ["ops:read"])]
    async with serving(stack, service, tokens) as client:
        yield client


@pytest.fixture
def source() -> str:
    """A producer nobody has heard of."""
    return f"https://shop.example/{secrets.token_hex(6)}"


async def fails(service: Service, source: str, count: int = 1) -> str:
    """So many dead letters of one contact of that producer."""
    contact = service.contact()
    for _ in range(count):
        data = {"secret name": MAIL, "channel": 7}
        await service.publish(contact, "demo.requested", data, source=source)
    await service.records(Topic.DEAD_LETTERS, contact, count)
    return contact


async def asked(api: httpx.AsyncClient, path: str, **parameters: Any) -> Any:
    answer = await api.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def redriven(api: httpx.AsyncClient, **body: Any) -> Any:
    answer = await api.post("/v1/dead-letters/redrive", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def test_they_are_found_by_what_they_say_of_themselves(
    api: httpx.AsyncClient, service: Service, source: str
) -> None:
    await fails(service, source, 3)
    found = await asked(api, "/v1/dead-letters", source=source, type="demo.requested", limit=2)
    rest = await asked(api, "/v1/dead-letters", source=source, limit=2, after=found["next"])
    items = found["items"] + rest["items"]
    assert [each["source"] for each in items] == [source] * 3
    assert [each["id"] for each in items] == sorted([each["id"] for each in items], reverse=True)
    assert rest["next"] is None
    at = items[-1]["failed_at"]
    assert (await asked(api, "/v1/dead-letters", source=source, until=at))["items"] == []
    assert len((await asked(api, "/v1/dead-letters", source=source, since=at))["items"]) == 3
    none = await asked(api, "/v1/dead-letters", source=source, reason="unknown_type")
    assert none["items"] == []


async def test_one_is_shown_with_what_is_wrong_where_and_without_what_it_says(
    api: httpx.AsyncClient, service: Service, source: str
) -> None:
    await fails(service, source)
    (letter,) = (await asked(api, "/v1/dead-letters", source=source))["items"]
    answer = await api.get(f"/v1/dead-letters/{letter['id']}")
    shown = answer.json()
    assert (shown["where"], shown["reason"]) == ("/data/product_id", SCHEMA_VIOLATION)
    assert shown["shape"]["data"] == {"*": "string", "channel": "number"}
    assert shown["shape"]["type"] == "string"
    assert shown["is_whole"] is True
    assert MAIL not in answer.text
    assert "secret name" not in answer.text
    for nobody in (0, 10**15, 10**30):
        assert (await api.get(f"/v1/dead-letters/{nobody}")).status_code == 404


async def test_one_is_sent_again_and_says_so(
    api: httpx.AsyncClient, service: Service, source: str
) -> None:
    contact = await fails(service, source)
    (letter,) = (await asked(api, "/v1/dead-letters", source=source))["items"]
    answer = await api.post(f"/v1/dead-letters/{letter['id']}/redrive")
    assert answer.status_code == 202
    told = answer.json()
    assert (told["redriven"], told["redriven_by"]) == (1, "jo")
    assert told["redriven_at"] is not None
    await service.records(Topic.DEAD_LETTERS, contact, 2)  # it is as wrong as before
    waiting = await asked(api, "/v1/dead-letters", source=source, redriven=False)
    assert [each["id"] > letter["id"] for each in waiting["items"]] == [True]
    done = await asked(api, "/v1/dead-letters", source=source, redriven=True)
    assert [each["id"] for each in done["items"]] == [letter["id"]]


async def test_some_are_sent_again_by_filter(
    api: httpx.AsyncClient, service: Service, source: str
) -> None:
    contact = await fails(service, source, 3)
    planned = await redriven(api, source=source, dry_run=True)
    assert (planned["dry_run"], planned["matched"], planned["redriven"]) == (True, 3, 3)
    assert (await asked(api, "/v1/dead-letters", source=source, redriven=True))["items"] == []
    first = await redriven(api, source=source, limit=2, rate_per_second=1000)
    assert (first["redriven"], first["remaining"]) == (2, 1)
    assert first["ids"] == planned["ids"][:2]
    await service.records(Topic.DEAD_LETTERS, contact, 5)
    second = await redriven(api, source=source)  # not what has just failed again
    assert (second["redriven"], second["remaining"]) == (1, 0)
    await service.records(Topic.DEAD_LETTERS, contact, 6)
    assert (await redriven(api, source=source))["matched"] == 0
    again = await redriven(api, source=source, again=True, dry_run=True)
    assert again["redriven"] == 6


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"dry_run": True},
        {"reason": "bad luck"},
        {"since": "yesterday"},
        {"source": "x", "limit": 0},
        {"source": "x", "rate_per_second": 0},
        {"source": "x", "everything": True},
        {"source": "x", "reason": None},
        {"source": "a\0b"},
        [],
    ],
)
async def test_a_wrong_filter_sends_nothing(api: httpx.AsyncClient, body: Any) -> None:
    answer = await api.post("/v1/dead-letters/redrive", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]


async def test_who_may_look_may_not_send(api: httpx.AsyncClient) -> None:
    headers = bearer("looker")
    for path in ("/v1/dead-letters", "/v1/ops/partitions"):
        assert (await api.get(path, headers=headers)).status_code == 200
    for path in (
        "/v1/dead-letters/1/redrive",
        "/v1/dead-letters/redrive",
        "/v1/ops/partitions/contacts/0/resume",
    ):
        assert (await api.post(path, headers=headers)).status_code == 403


async def test_partitions_are_listed_and_resumed(api: httpx.AsyncClient, service: Service) -> None:
    rows = (await asked(api, "/v1/ops/partitions"))["partitions"]
    assert [(row["lane"], row["partition"]) for row in rows] == [
        (lane, n) for lane in ("contacts", "accounts") for n in range(PARTITIONS)
    ]
    assert all(row["owner"] and row["halted"] is None for row in rows)
    assert list(rows[0]["next_offsets"]) == [Topic.INTERACTIONS, Topic.COMMANDS]
    path = "/v1/ops/partitions/contacts/3/resume"
    not_halted = await api.post(path)
    assert (not_halted.status_code, not_halted.json()["type"]) == (
        409, "urn:funnel:problem:not-halted",
    )  # fmt: skip
    connection = await asyncpg.connect(service.database_url)
    await connection.execute(
        "INSERT INTO lane_halt VALUES ('contacts', 3, 'dead_letters', 'many', true, now())"
    )
    await connection.close()
    halted = (await asked(api, "/v1/ops/partitions"))["partitions"][3]["halted"]
    assert (halted["reason"], halted["message"], halted["until_resumed"]) == (
        "dead_letters", "many", True,
    )  # fmt: skip
    resumed = await api.post(path)
    assert (resumed.status_code, resumed.json()["halted"]) == (202, None)
    for nowhere in ("nowhere/3", f"contacts/{PARTITIONS}", "contacts/99999999999999999999"):
        assert (await api.post(f"/v1/ops/partitions/{nowhere}/resume")).status_code == 404
    assert json.loads(resumed.text)["partition"] == 3
