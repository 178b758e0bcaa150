"""POST /v1/models/{m}/activate: one command to every partition, in the token's name, once."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from app.domain.command_outcome import CommandState
from app.domain.rewriting import ACTIVATED
from app.domain.timestamps import format_rfc3339
from app.domain.topics import Topic
from app.models import content_hash, load_definition
from app.storage.models import ActivationRow
from tests.unit.api.asking import Noted, bearer, writing
from tests.unit.api.library import AT, PARTITIONS, SECOND, Models

STRICT = content_hash(load_definition("strict@1")[0])
REFOLD = {"mode": "refold"}
ACTIVATE = "/v1/models/strict@1/activate"


@asynccontextmanager
async def activating(
    token: str = "everything",
) -> AsyncIterator[tuple[httpx.AsyncClient, Models, Noted]]:
    log = Noted()
    made: list[Models] = []

    def also(commands: Any) -> Any:
        made.append(Models(commands, log))
        return made[0].parts

    async with writing(token, log, also) as (client, _):
        yield client, made[0], log


async def asked(
    client: httpx.AsyncClient,
    body: Any = REFOLD,
    key: str = "k1",
    path: str = ACTIVATE,
    **more: str,
) -> httpx.Response:
    return await client.post(path, json=body, headers={"idempotency-key": key, **more})


def row(partition: int, command_id: str, **different: Any) -> ActivationRow:
    usual = ActivationRow(
        partition, "default", 1, STRICT, "refold", AT + 60 * SECOND, command_id, "everything", AT
    )
    return replace(usual, **different)


async def test_every_partition_gets_one_command_in_the_tokens_name() -> None:
    async with activating() as (client, models, log):
        answer = await asked(client)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    ((topic, _, value),) = models.everywhere.sent
    event = json.loads(value)
    assert topic == Topic.COMMANDS
    assert (event["type"], event["id"], event["source"]) == (
        ACTIVATED,
        told["activation_id"],
        "/funnel/api",
    )
    assert event["tenantid"] == "default"
    assert event["data"] == {
        "model": "strict@1",
        "content_hash": STRICT,
        "mode": "refold",
        "active_from": format_rfc3339(AT + 60 * SECOND),
        "actor": "everything",
    }
    (noted,) = log.rows.values()
    assert (noted.type, noted.actor, noted.scope, noted.contact_id) == (
        ACTIVATED, "everything", "models:write", None,
    )  # fmt: skip
    assert (told["state"], told["model"], told["mode"], told["actor"]) == (
        "pending", "strict@1", "refold", "everything",
    )  # fmt: skip
    assert (told["partitions"], told["heard"], told["contacts"]) == (PARTITIONS, 0, 7)


async def test_the_tenant_is_the_tokens() -> None:
    async with activating("rules-of-acme") as (client, models, _):
        assert (await asked(client)).status_code == 202
    assert json.loads(models.everywhere.sent[0][2])["tenantid"] == "acme"


@pytest.mark.parametrize("token", ["reader", "sales", "shop-of-acme"])
async def test_another_scope_does_not_do(token: str) -> None:
    async with activating(token) as (client, models, log):
        answer = await asked(client)
    assert (answer.status_code, models.everywhere.sent, log.rows) == (403, [], {})
    assert "models:write" in answer.headers["www-authenticate"]


async def test_without_contacts_it_decides_at_once() -> None:
    async with activating() as (client, models, _):
        models.prepared.has_contacts = False
        assert (await asked(client)).json()["active_from"] == format_rfc3339(AT)


async def test_the_same_again_is_the_same_command_and_another_is_refused() -> None:
    async with activating() as (client, models, log):
        first = await asked(client)
        again = await asked(client)
        other = await asked(client, {"mode": "forward"})
        elsewhere = await asked(client, path="/v1/models/profile-first@1/activate")
        new = await asked(client, key="k2")
    assert first.json() == again.json()
    assert models.everywhere.sent[0] == models.everywhere.sent[1]
    for refused in (other, elsewhere):
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "Idempotency-Key"
    assert new.json()["activation_id"] != first.json()["activation_id"]
    assert (len(log.rows), len(models.everywhere.sent)) == (2, 3)


async def test_what_is_decided_is_not_sent_again() -> None:
    async with activating() as (client, models, log):
        await asked(client)
        log.decide(state=CommandState.ACCEPTED, decided_at=AT)
        assert (await asked(client)).status_code == 202
    assert len(models.everywhere.sent) == 1


@pytest.mark.parametrize(
    ("later", "begins"),
    [
        (10, 60),  # the same moment: partitions may have the first one
        (29, 60),
        (31, 91),  # too little notice is left
        (3600, 3660),
    ],
)
async def test_sent_again_it_has_the_moment_of_before_while_that_is_far_enough(
    later: int, begins: int
) -> None:
    async with activating() as (client, models, log):
        await asked(client)
        log.decide(received_at=AT)
        models.prepared.now = AT + later * SECOND
        again = await asked(client)
    assert again.json()["active_from"] == format_rfc3339(AT + begins * SECOND)


async def test_sent_again_it_has_the_moment_that_a_partition_knows() -> None:
    async with activating() as (client, models, _):
        id_ = (await asked(client)).json()["activation_id"]
        models.prepared.rows = [row(1, id_, active_from=AT + 77 * SECOND)]
        models.prepared.now = AT + 3600 * SECOND
        await asked(client)
    data = json.loads(models.everywhere.sent[-1][2])["data"]
    assert data["active_from"] == format_rfc3339(AT + 77 * SECOND)


async def test_it_never_decides_from_before_what_was_activated_before() -> None:
    async with activating() as (client, models, _):
        models.prepared.rows = [row(0, "other", active_from=AT + 500 * SECOND)]
        assert (await asked(client)).json()["active_from"] == format_rfc3339(AT + 500 * SECOND)


async def test_it_is_waited_for() -> None:
    async with activating() as (client, models, log):
        asking = asyncio.create_task(asked(client, prefer="wait=2"))
        await log.is_noted.wait()
        ((_, id_),) = log.rows
        models.prepared.rows = [row(each, id_) for each in range(PARTITIONS)]
        log.decide(state=CommandState.ACCEPTED, decided_at=AT, message="it decides")
        answer = await asking
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=2")
    assert answer.headers["location"] == f"/v1/activations/{id_}"
    assert (answer.json()["state"], answer.json()["heard"]) == ("waiting", PARTITIONS)


@pytest.mark.parametrize(
    ("rows", "now", "state", "done"),
    [
        ([{}, {}], 0, "pending", 0),
        ([{}, {}, {}], 0, "waiting", 0),
        ([{}, {"swept_at": AT + 61 * SECOND}, {"swept": 3}], 61, "sweeping", 1),
        ([{"swept_at": AT + n * SECOND, "swept": 2} for n in (61, 63, 62)], 70, "done", 3),
    ],
)
async def test_how_far_it_is_can_be_read(
    rows: list[dict[str, Any]], now: int, state: str, done: int
) -> None:
    async with activating() as (client, models, _):
        location = (await asked(client)).headers["location"]
        id_ = location.rpartition("/")[2]
        models.prepared.rows = [row(n, id_, **each) for n, each in enumerate(rows)]
        models.prepared.now = AT + now * SECOND
        told = (await client.get(location)).json()
        (listed,) = (await client.get("/v1/activations")).json()["items"]
    assert listed == told
    assert (told["state"], told["heard"], told["done"]) == (state, len(rows), done)
    assert told["done_at"] == (format_rfc3339(AT + 63 * SECOND) if state == "done" else None)
    assert told["contacts_swept"] == sum(each.get("swept", 0) for each in rows)


@pytest.mark.parametrize(
    ("decided", "state"),
    [(CommandState.DUPLICATE, "unchanged"), (CommandState.REFUSED, "refused")],
)
async def test_what_changed_nothing_says_so(decided: CommandState, state: str) -> None:
    async with activating() as (client, _, log):
        location = (await asked(client)).headers["location"]
        log.decide(state=decided, decided_at=AT, message="why")
        told = (await client.get(location)).json()
    assert (told["state"], told["model"], told["message"]) == (state, None, "why")


async def test_an_activation_is_its_tenants() -> None:
    async with activating() as (client, _, _):
        location = (await asked(client)).headers["location"]
        theirs = await client.get(location, headers=bearer("rules-of-acme"))
        unknown = await client.get("/v1/activations/none-such")
        strange = await client.get("/v1/activations/A%00B")
        denied = await client.get(location, headers=bearer("reader"))
        listing = await client.get("/v1/activations", headers=bearer("reader"))
    assert [each.status_code for each in (theirs, unknown, strange)] == [404, 404, 404]
    assert (denied.status_code, listing.status_code) == (403, 200)


async def test_one_at_a_time() -> None:
    async with activating() as (client, models, log):
        models.prepared.busy = True
        answer = await asked(client)
    assert (answer.status_code, log.rows) == (409, {})
    assert "try again" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        (ACTIVATE, {"mode": "sideways"}, 422, "/mode"),
        (ACTIVATE, {}, 422, ""),
        (ACTIVATE, {**REFOLD, "tenant": "acme"}, 422, ""),
        (ACTIVATE, [], 422, ""),
        ("/v1/models/nothing@1/activate", REFOLD, 404, None),
        ("/v1/models/%ff/activate", REFOLD, 404, None),
    ],
)
async def test_a_wrong_question_names_its_field(
    path: str, body: Any, status: int, field: str | None
) -> None:
    async with activating() as (client, models, log):
        answer = await asked(client, body, path=path)
    assert (answer.status_code, models.everywhere.sent, log.rows) == (status, [], {})
    if field is not None:
        assert answer.json()["errors"][0]["field"] == field


async def test_a_key_is_needed() -> None:
    async with activating() as (client, _, _):
        answer = await client.post(ACTIVATE, json=REFOLD)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")
