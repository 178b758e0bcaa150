"""What people decide becomes an interaction on the commands topic, in the token's name, once."""

import asyncio
from typing import Any

import httpx
import pytest

from app.api.command_types import COMMANDS
from app.domain.command_outcome import CommandState
from app.domain.topics import Topic
from tests.unit.api.asking import Kept, Noted, writing

CALL = {"command": "log_call", "data": dict(COMMANDS["log_call"].example)}

KEY = {"idempotency-key": "k1"}


async def sent(
    body: Any, token: str = "everything", contact: str = "crm-1", key: str = "k1"
) -> tuple[int, dict[str, Any], Kept]:
    async with writing(token) as (client, kept):
        answer = await client.post(
            f"/v1/contacts/{contact}/commands", json=body, headers={"idempotency-key": key}
        )
    return answer.status_code, answer.json(), kept


@pytest.mark.parametrize("name", COMMANDS)
async def test_every_command_becomes_its_interaction(name: str) -> None:
    kind = COMMANDS[name]
    status, told, kept = await sent({"command": name, "data": dict(kind.example)})
    assert status == 202
    (record,), (event,) = kept.records, kept.events
    assert record[:3] == (Topic.COMMANDS, "default", "crm-1")
    assert (event["type"], event["id"]) == (kind.type, told["command_id"])
    assert event["data"] == {**kind.example, "actor": "everything"}


async def test_a_contacts_key_may_hold_anything() -> None:
    _, _, kept = await sent(CALL, contact="a%2Fb%20%C3%BC")
    assert kept.records[0].contact_id == "a/b ü"


async def test_the_command_id_is_of_tenant_actor_and_idempotency_key() -> None:
    first = (await sent(CALL))[1]["command_id"]
    assert (await sent(CALL))[1]["command_id"] == first
    assert (await sent(CALL, key="k2"))[1]["command_id"] != first
    assert (await sent(CALL, token="sales"))[1]["command_id"] != first


async def test_the_time_may_be_given() -> None:
    _, _, kept = await sent({**CALL, "time": "2026-03-01T10:00:00Z"})
    assert kept.events[0]["time"] == "2026-03-01T10:00:00Z"
    assert "time" not in (await sent(CALL))[2].events[0]


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"command": "promote", "data": {}}, "/command", "must be one of accept_handoff"),
        ({"command": "log_call"}, "/data", "direction is required"),
        ({**CALL, "data": {**CALL["data"], "outcome": "x"}}, "/data/outcome", "enum"),  # type: ignore[dict-item]
        ({**CALL, "data": {**CALL["data"], "actor": "ada"}}, "/data/actor", "the token's"),  # type: ignore[dict-item]
        ({**CALL, "time": "3000-01-01T00:00:00Z"}, "/time", ""),
        ({**CALL, "time": "yesterday"}, "/time", ""),
        ({**CALL, "time": None}, "", "must be a JSON object"),
        ({**CALL, "tenant": "acme"}, "", "nothing else"),
        ([CALL], "", "must be a JSON object"),
    ],
)
async def test_a_wrong_command_names_its_field(body: Any, field: str, says: str) -> None:
    status, told, kept = await sent(body)
    assert status == 422
    assert told["errors"][0]["field"] == field
    assert says in told["detail"]
    assert kept.records == []


async def test_erasing_needs_a_scope_of_its_own() -> None:
    erase = {"command": "erase", "data": {"request_id": "r-1"}}
    status, told, kept = await sent(erase, token="sales")
    assert (status, kept.records) == (403, [])
    assert "contacts:erase" in told["detail"]


async def test_without_an_idempotency_key_nothing_is_sent() -> None:
    async with writing() as (client, kept):
        answer = await client.post("/v1/contacts/crm-1/commands", json=CALL)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert kept.records == []


async def test_a_command_is_small() -> None:
    status, told, kept = await sent({"command": "log_call", "data": {"note": "x" * 65_536}})
    assert (status, told["type"]) == (413, "urn:funnel:problem:too-large")
    assert kept.records == []


async def test_the_answer_is_the_command_as_it_stands() -> None:
    async with writing() as (client, _):
        answer = await client.post("/v1/contacts/crm-1/commands", json=CALL, headers=KEY)
    told = answer.json()
    assert (told["state"], told["command"], told["actor"]) == ("pending", "log_call", "everything")
    assert (told["scope"], told["contact_id"]) == ("contacts:command", "crm-1")
    assert answer.headers["location"] == f"/v1/commands/{told['command_id']}"
    assert "preference-applied" not in answer.headers


async def test_the_same_again_has_the_same_answer_and_is_sent_until_it_is_decided() -> None:
    log = Noted()
    async with writing(log=log) as (client, kept):
        first = await client.post("/v1/contacts/crm-1/commands", json=CALL, headers=KEY)
        again = await client.post("/v1/contacts/crm-1/commands", json=CALL, headers=KEY)
        log.decide(state=CommandState.ACCEPTED)
        last = await client.post("/v1/contacts/crm-1/commands", json=CALL, headers=KEY)
    assert again.json() == first.json()
    assert (last.status_code, last.json()["state"]) == (202, "accepted")
    assert len(kept.records) == 2
    assert kept.events[0] == kept.events[1]


@pytest.mark.parametrize(
    ("contact", "body"),
    [
        ("crm-2", CALL),
        ("crm-1", {**CALL, "time": "2026-03-01T10:00:00Z"}),
        ("crm-1", {**CALL, "data": {**CALL["data"], "duration_s": 1}}),  # type: ignore[dict-item]
        ("crm-1", {"command": "assign", "data": {"user": "u-1"}}),
    ],
    ids=["contact", "time", "data", "command"],
)
async def test_a_key_is_for_one_decision(contact: str, body: Any) -> None:
    async with writing(log=Noted()) as (client, kept):
        await client.post("/v1/contacts/crm-1/commands", json=CALL, headers=KEY)
        answer = await client.post(f"/v1/contacts/{contact}/commands", json=body, headers=KEY)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:funnel:problem:idempotency-key-reused"
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert len(kept.records) == 1


async def waited(log: Noted, prefer: str) -> httpx.Response:
    async with writing(log=log) as (client, _):
        headers = {**KEY, "prefer": prefer}
        return await client.post("/v1/contacts/crm-1/commands", json=CALL, headers=headers)


async def test_what_becomes_of_it_can_be_waited_for() -> None:
    log = Noted()
    asking = asyncio.create_task(waited(log, "respond-async, wait=1"))
    await log.is_noted.wait()
    log.decide(state=CommandState.REFUSED, reason="no_handoff_open", message="none", decided_at=2)
    answer = await asking
    assert (answer.status_code, answer.json()["reason"]) == (200, "no_handoff_open")
    assert answer.headers["preference-applied"] == "wait=1"


async def test_who_waits_in_vain_is_told_that_it_is_pending() -> None:
    answer = await waited(Noted(), "wait=1")
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    assert answer.headers["preference-applied"] == "wait=1"


async def test_nobody_waits_for_ever_and_not_everybody_at_once() -> None:
    log = Noted()
    asking = asyncio.create_task(waited(log, "wait=100000"))
    await log.is_noted.wait()
    log.decide(state=CommandState.ACCEPTED, decided_at=2)
    assert (await asking).headers["preference-applied"] == "wait=2"
    full = await waited(Noted(waits_max=0), "wait=1")
    assert full.status_code == 202
    assert "preference-applied" not in full.headers
