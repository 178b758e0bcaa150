"""What people decide becomes an interaction on the commands topic, in the token's name, once."""

from typing import Any

import pytest

from app.api.command_types import COMMANDS
from app.domain.topics import Topic
from tests.unit.api.asking import Kept, writing

CALL = {"command": "log_call", "data": dict(COMMANDS["log_call"].example)}


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
