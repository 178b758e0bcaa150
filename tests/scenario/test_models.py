"""A model is uploaded and activated over HTTP, and the contacts move: real topics and lanes."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from app.domain.topics import Topic
from app.runtime.embedded.stack import EmbeddedStack
from tests.scenario.conftest import PARTITIONS, Service, event
from tests.scenario.serving import bearer, serving, token
from tests.scenario.test_mission import REPLY, SIGN_UP

YAML = {"content-type": "application/yaml"}
OURS = """\
name: ours
version: 1
extends: b2b-default@1
title: A prospect's sector is known
knobs:
  icp_unknown: hold
"""
WRONG = OURS.replace("hold", "holds")
RULES, READS = ["models:write", "contacts:read", "contacts:command"], ["contacts:read"]


@pytest.fixture(scope="module")
def tenant() -> str:
    """Nobody else's: what is activated for it moves no contact of another test."""
    return f"t{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
async def api(
    stack: EmbeddedStack, service: Service, tenant: str
) -> AsyncIterator[httpx.AsyncClient]:
    tokens = [
        token("rules", RULES, tenant),
        token("reader", READS, tenant),
        token("elsewhere", RULES, f"{tenant}-other"),
        token("shop", ["interactions:write"], tenant),
    ]
    soon = {"activation_notice_seconds": 1.0}
    async with serving(stack, service, tokens, commands=soon) as client:
        yield client


async def upload(api: httpx.AsyncClient, text: str, who: str = "rules") -> httpx.Response:
    return await api.post("/v1/models", content=text, headers={**YAML, **bearer(who)})


async def activate(
    api: httpx.AsyncClient, model: str, key: str, mode: str = "refold", **headers: str
) -> httpx.Response:
    return await api.post(
        f"/v1/models/{model}/activate",
        json={"mode": mode},
        headers={"idempotency-key": key, "prefer": "wait=10", **headers},
    )


async def done(api: httpx.AsyncClient, location: str) -> dict[str, Any]:
    """Once every contact is up to date."""
    while True:
        answer = await api.get(location)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        if told["state"] == "done":
            return told
        await asyncio.sleep(0.05)


async def told(service: Service, api: httpx.AsyncClient, tenant: str, *story: Any) -> str:
    """A contact of the tenant with a story, decided."""
    contact = service.contact()
    for type_, data in story:
        answer = await api.post(
            "/v1/interactions", json=event(contact, type_, data), headers=bearer("shop")
        )
        assert answer.status_code == 202, answer.text
    await service.stages(f"{tenant}/{contact}", len(story))
    return contact


async def stage_of(api: httpx.AsyncClient, contact: str) -> tuple[str, str]:
    found = (await api.get(f"/v1/contacts/{contact}")).json()
    return found["stage"], found["model"]


async def test_contacts_move_under_a_model_that_was_uploaded_and_activated(
    api: httpx.AsyncClient, service: Service, tenant: str
) -> None:
    replied = await told(service, api, tenant, SIGN_UP, REPLY)
    lead = await told(service, api, tenant, SIGN_UP)
    assert await stage_of(api, replied) == ("prospect", "b2b-default@1")

    made = await upload(api, OURS)
    assert made.status_code == 201, made.text
    again = await upload(api, OURS)
    assert (again.status_code, again.json()) == (200, made.json())
    assert await stage_of(api, replied) == ("prospect", "b2b-default@1")

    asked = await activate(api, "ours@1", "first")
    assert asked.status_code == 200, asked.text
    id_, location = asked.json()["activation_id"], asked.headers["location"]
    assert (asked.json()["model"], asked.json()["contacts"]) == ("ours@1", 2)
    end = await done(api, location)
    assert (end["partitions"], end["heard"], end["done"]) == (PARTITIONS,) * 3
    assert end["contacts_swept"] == 2
    assert await stage_of(api, replied) == ("lead", "ours@1")
    assert await stage_of(api, lead) == ("lead", "ours@1")
    changes = await service.records(Topic.STAGE_CHANGES, f"{tenant}/{replied}", 3)
    assert (changes[2]["ce_type"], changes[2]["stage"]) == (
        "funnel.contact.stage_revoked.v1",
        "lead",
    )

    # who did it, and the same again
    (command,) = (await api.get("/v1/commands", params={"actor": "rules"})).json()["items"]
    assert (command["command_id"], command["command"], command["state"]) == (
        id_, "activate", "accepted",
    )  # fmt: skip
    assert (command["actor"], command["contact_id"], command["scope"]) == (
        "rules", None, "models:write",
    )  # fmt: skip
    assert "ours@1 decides from" in command["message"]
    assert (await api.get(f"/v1/commands/{id_}")).json() == command
    repeated = await activate(api, "ours@1", "first")
    assert (repeated.status_code, repeated.json()) == (200, end)
    nothing_new = await activate(api, "ours@1", "second")
    assert (nothing_new.status_code, nothing_new.json()["state"]) == (200, "unchanged")
    listed = (await api.get("/v1/activations")).json()["items"]
    assert [each["activation_id"] for each in listed] == [id_]

    # and back, decided by the model of the service from then on only
    back = await activate(api, "b2b-default@1", "third", "forward")
    await done(api, back.headers["location"])
    assert (await stage_of(api, replied))[0] == "lead"
    newer = await told(service, api, tenant, SIGN_UP, REPLY)
    assert await stage_of(api, newer) == ("prospect", "b2b-default@1")


async def test_a_wrong_model_is_named_and_not_kept(api: httpx.AsyncClient) -> None:
    answer = await upload(api, WRONG.replace("ours", "wrong"))
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == "/knobs/icp_unknown"
    assert error["detail"].startswith("model.yaml:6: knobs.icp_unknown: 'holds' is no value")
    assert (await activate(api, "wrong@1", "w")).status_code == 404


async def test_a_version_says_the_same_for_ever_and_in_its_tenant_only(
    api: httpx.AsyncClient,
) -> None:
    mine = OURS.replace("ours", "mine")
    assert (await upload(api, mine)).status_code == 201
    other = await upload(api, mine.replace("sector", "field"))
    assert (other.status_code, other.json()["type"]) == (409, "urn:funnel:problem:version-taken")
    theirs = await activate(api, "mine@1", "k", **bearer("elsewhere"))
    assert theirs.status_code == 404
    assert (await upload(api, mine.replace("sector", "field"), "elsewhere")).status_code == 201
    rows = {row["model"]: row for row in (await api.get("/v1/models")).json()["items"]}
    assert rows["mine@1"]["title"] == "A prospect's sector is known"


async def test_who_may_not_does_nothing(api: httpx.AsyncClient) -> None:
    assert (await upload(api, OURS.replace("ours", "sly"), "reader")).status_code == 403
    denied = await activate(api, "strict@1", "d", **bearer("reader"))
    assert denied.status_code == 403
    assert "models:write" in denied.headers["www-authenticate"]
    assert (await api.get("/v1/models/sly@1")).status_code == 404


async def test_a_stage_in_use_must_have_a_way(
    api: httpx.AsyncClient, service: Service, tenant: str
) -> None:
    lossy = "name: lossy\nversion: 1\nextends: two-stage@1\nmap: null\n"
    assert (await upload(api, lossy)).status_code == 201
    refused = await activate(api, "lossy@1", "l")
    assert (refused.status_code, refused.json()["type"]) == (
        409,
        "urn:funnel:problem:not-activated",
    )
    assert "map: {prospect: lead}" in refused.json()["detail"]


async def test_a_tenant_without_contacts_gets_it_at_once(api: httpx.AsyncClient) -> None:
    asked = await activate(api, "strict@1", "at once", "forward", **bearer("elsewhere"))
    assert asked.status_code == 200, asked.text
    while True:
        answer = await api.get(asked.headers["location"], headers=bearer("elsewhere"))
        if answer.json()["state"] == "done":
            break
        await asyncio.sleep(0.05)
    assert answer.json()["contacts"] == 0
    assert (await api.get(asked.headers["location"])).status_code == 404


async def test_two_that_are_sent_at_once_leave_one_order(
    api: httpx.AsyncClient, service: Service, tenant: str
) -> None:
    """Whatever was refused meanwhile, all partitions end with the same model."""
    models = ["strict@1", "content-led@1", "profile-first@1", "handoff-at-prospect@1"]
    asked = await asyncio.gather(
        *(activate(api, name, f"race-{name}", "forward") for name in models)
    )
    assert {each.status_code for each in asked} <= {200, 409}
    taken = [each for each in asked if each.status_code == 200]
    assert taken
    for each in taken:
        await done(api, each.headers["location"])
    database = await asyncpg.connect(service.database_url)
    last = await database.fetch(
        "SELECT DISTINCT ON (partition) content_hash FROM model_timeline WHERE tenant = $1"
        " ORDER BY partition, generation DESC",
        tenant,
    )
    await database.close()
    assert (len(last), len(set(last))) == (PARTITIONS, 1)
