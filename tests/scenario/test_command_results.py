"""Every command of a person ends with a result: real topics, a real database, running lanes."""

import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from app.api.command_types import COMMANDS
from app.api.principal import Scope
from app.domain.routing import home_partition
from app.domain.topics import Topic
from app.runtime.embedded.stack import EmbeddedStack
from tests.scenario.conftest import PARTITIONS, Service
from tests.scenario.serving import bearer, serving, token
from tests.scenario.test_mission import DEMO, SIGN_UP

WAIT = "wait=10"


@pytest.fixture(scope="module")
async def api(stack: EmbeddedStack, service: Service) -> AsyncIterator[httpx.AsyncClient]:
    tokens = [
        token("jo", list(Scope)),
        token("ann", list(Scope), tenant="acme"),
        token("reader", ["contacts:read"]),
        token("sales", ["contacts:command"]),
    ]
    async with serving(stack, service, tokens) as client:
        yield client


async def decided(
    api: httpx.AsyncClient,
    contact: str,
    command: str,
    data: dict[str, Any] | None = None,
    who: str = "jo",
) -> dict[str, Any]:
    """What became of it, waited for."""
    answer = await api.post(
        f"/v1/contacts/{contact}/commands",
        json={"command": command, "data": COMMANDS[command].example if data is None else data},
        headers={"idempotency-key": secrets.token_hex(8), "prefer": WAIT, **bearer(who)},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["preference-applied"] == WAIT
    found: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/commands/{found['command_id']}"
    return found


async def listed(api: httpx.AsyncClient, who: str = "jo", **only: str | int) -> dict[str, Any]:
    answer = await api.get("/v1/commands", params=only, headers=bearer(who))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("command", COMMANDS)
async def test_each_command_ends_with_a_result(
    api: httpx.AsyncClient, service: Service, command: str
) -> None:
    contact = service.contact()
    await service.publish(contact, *SIGN_UP)
    await service.stages(contact, 1)
    found = await decided(api, contact, command)
    assert found["state"] in ("accepted", "refused")
    assert (found["command"], found["actor"]) == (command, "jo")
    assert found["decided_at"] is not None
    again = await api.get(f"/v1/commands/{found['command_id']}")
    assert again.json() == found


async def test_a_hand_off_is_answered_once(api: httpx.AsyncClient, service: Service) -> None:
    contact = service.contact()
    too_soon = await decided(api, contact, "accept_handoff")
    assert (too_soon["state"], too_soon["reason"]) == ("refused", "no_handoff_open")
    assert too_soon["message"] == "There is no open hand-off: the contact is none."
    await service.publish(contact, *DEMO)
    await service.stages(contact, 3)
    accepted = await decided(api, contact, "accept_handoff")
    assert (accepted["state"], accepted["stage"], accepted["moves"]) == (
        "accepted", "opportunity", [],
    )  # fmt: skip
    again = await decided(api, contact, "reject_handoff")
    assert (again["state"], again["message"]) == (
        "refused", "There is no open hand-off: the last one was accepted.",
    )  # fmt: skip


async def test_the_moves_that_a_command_made_are_told(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact = service.contact()
    demo = await service.publish(contact, *DEMO)
    changes = await service.records(Topic.STAGE_CHANGES, contact, 3)
    data = {"event_id": demo, "event_source": "https://shop.example/forms", "reason": "test"}
    found = await decided(api, contact, "retract", data)
    assert found["stage"] == "none"
    assert [(move["kind"], move["transition_id"]) for move in found["moves"]] == [
        ("revoked", each["transition_id"]) for each in reversed(changes)
    ]
    told = await service.records(Topic.STAGE_CHANGES, contact, 6)
    assert [each["seq"] for each in told[3:]] == [move["seq"] for move in found["moves"]]
    assert found["seq"] == 6


@pytest.mark.parametrize(
    ("command", "data", "reason"),
    [
        ("override", {"to_stage": "paradise", "reason": "x"}, "no_such_stage"),
        ("unlink", {"other": "somebody", "evidence": "x"}, "not_linked"),
    ],
)
async def test_a_refusal_says_why(
    api: httpx.AsyncClient, service: Service, command: str, data: dict[str, Any], reason: str
) -> None:
    found = await decided(api, service.contact(), command, data)
    assert (found["state"], found["reason"]) == ("refused", reason)
    assert found["message"].endswith(".")
    assert found["moves"] == []


async def test_what_is_not_known_yet_can_be_retracted(
    api: httpx.AsyncClient, service: Service
) -> None:
    found = await decided(api, service.contact(), "retract")
    assert (found["state"], found["reason"]) == ("accepted", None)
    assert "will not count if it comes" in found["message"]


async def test_a_command_counts_once_and_has_one_result(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact, headers = service.contact(), {"idempotency-key": "once", "prefer": WAIT}
    body = {"command": "override", "data": {"to_stage": "lead", "reason": "met"}}
    path = f"/v1/contacts/{contact}/commands"
    first = await api.post(path, json=body, headers=headers)
    again = await api.post(path, json=body, headers=headers)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert [move["to_stage"] for move in first.json()["moves"]] == ["lead"]
    other = await api.post(
        path, json={**body, "data": {"to_stage": "lost", "reason": "x"}}, headers=headers
    )
    assert other.json()["type"] == "urn:funnel:problem:idempotency-key-reused"


async def sent_raw(
    service: Service, contact: str, data: dict[str, Any], type_: str, **attributes: Any
) -> str:
    """As a program that writes to the commands topic itself; the command's id."""
    id_ = secrets.token_hex(16)
    await service.publish(
        contact, type_, data, topic=Topic.COMMANDS, id=id_, source="/funnel/cli", **attributes
    )
    return id_


async def result_of(api: httpx.AsyncClient, command_id: str) -> dict[str, Any]:
    for _ in range(400):
        answer = await api.get(f"/v1/commands/{command_id}")
        if answer.status_code == 200:
            found: dict[str, Any] = answer.json()
            return found
    raise AssertionError(f"no result of {command_id}")


async def test_a_command_off_its_home_ends_with_a_result_too(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact = service.contact()
    away = (home_partition(contact, PARTITIONS) + 1) % PARTITIONS
    data = {"to_stage": "lead", "reason": "met", "actor": "jo"}
    id_ = await sent_raw(service, contact, data, "stage.override", partition=away)
    await service.stages(contact, 1)
    found = await result_of(api, id_)
    assert (found["state"], found["stage"], found["scope"]) == ("accepted", "lead", None)


async def test_a_command_that_becomes_a_dead_letter_is_refused_with_its_reason(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact = service.contact()
    id_ = await sent_raw(service, contact, {"actor": "jo"}, "stage.override")
    await service.records(Topic.DEAD_LETTERS, contact, 1)
    found = await result_of(api, id_)
    assert (found["state"], found["reason"]) == ("refused", "schema_violation")
    assert found["message"].startswith("/data: ")


async def test_what_no_person_decided_has_no_result(
    api: httpx.AsyncClient, service: Service
) -> None:
    """An interaction with an actor, also where it was forwarded; what a form links."""
    contact, visitor = service.contact(), f"visitor-{secrets.token_hex(6)}"
    fact = {"criterion": "industry", "value": "met", "actor": "jo"}
    away = (home_partition(contact, PARTITIONS) + 1) % PARTITIONS
    await service.publish(contact, "qualification.recorded", fact, partition=away)
    await service.publish(visitor, *SIGN_UP)
    form = {"form_id": "f", "fields": {"email": "ada@firm.example"}, "visitor_id": visitor}
    await service.publish(contact, "form.submitted", form)
    await service.stages(visitor, 2)
    await decided(api, contact, "assign")
    found = (await listed(api, contact=contact))["items"]
    assert [each["command"] for each in found] == ["assign"]
    assert (await listed(api, contact=visitor))["items"] == []


async def test_the_audit_trail_is_filtered_and_paged(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact, other = service.contact(), service.contact()
    for who, whom, command in (
        ("jo", contact, "assign"),
        ("sales", contact, "log_call"),
        ("sales", other, "accept_handoff"),
    ):
        await decided(api, whom, command, who=who)
    both = (await listed(api, contact=contact))["items"]
    assert [(each["actor"], each["command"]) for each in both] == [
        ("sales", "log_call"), ("jo", "assign"),
    ]  # fmt: skip
    mine = (await listed(api, actor="sales", state="refused"))["items"]
    assert [each["contact_id"] for each in mine] == [other]
    first = await listed(api, contact=contact, limit=1)
    second = await listed(api, contact=contact, limit=1, after=first["next"])
    assert first["items"] + second["items"] == both
    assert second["next"] is None


async def test_a_tenant_sees_its_own_decisions_only(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact = service.contact()
    found = await decided(api, contact, "assign", who="ann")
    assert (await listed(api, contact=contact))["items"] == []
    assert (await api.get(f"/v1/commands/{found['command_id']}")).status_code == 404
    assert [each["actor"] for each in (await listed(api, "ann", contact=contact))["items"]] == [
        "ann"
    ]


async def test_reading_needs_its_scopes(api: httpx.AsyncClient) -> None:
    assert (await api.get("/v1/commands", headers=bearer("sales"))).status_code == 403
    one = f"/v1/commands/{'0' * 32}"
    assert (await api.get(one, headers=bearer("reader"))).status_code == 403
    assert (await api.get(one, headers=bearer("sales"))).status_code == 404
    assert (await api.get("/v1/commands/nothing")).status_code == 404


async def test_an_erasure_leaves_who_decided_and_not_about_whom(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact = service.contact()
    await service.publish(contact, *DEMO)
    await service.stages(contact, 3)
    override = {"to_stage": "lead", "reason": "x"}
    before = await decided(api, contact, "override", override)
    assert before["contact_id"] == contact
    erased = await decided(api, contact, "erase")
    assert (erased["state"], erased["stage"], erased["contact_id"]) == ("accepted", "erased", None)
    assert (erased["moves"], erased["scope"]) == ([], "contacts:erase")
    late = await decided(api, contact, "assign")
    assert (late["state"], late["reason"], late["contact_id"]) == ("refused", "erased", None)
    after = (await api.get(f"/v1/commands/{before['command_id']}")).json()
    assert (after["contact_id"], after["moves"], after["seq"]) == (None, [], None)
    assert (after["actor"], after["command"]) == ("jo", "override")
    connection = await asyncpg.connect(service.database_url)
    rows = await connection.fetch("SELECT to_jsonb(r)::text FROM command_result r")
    await connection.close()
    assert not any(contact in json.dumps(row[0]) for row in rows)
