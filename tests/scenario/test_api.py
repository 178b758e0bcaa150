"""The HTTP API in front of real topics, a real database and running lanes."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.api.principal import Scope
from app.domain.topics import Topic
from app.runtime.embedded.stack import EmbeddedStack
from tests.scenario.conftest import PARTITIONS, Service, event
from tests.scenario.serving import serving, token
from tests.scenario.test_mission import DEMO, REPLY, SIGN_UP, days_ago

BATCH = {"content-type": "application/cloudevents-batch+json"}


@pytest.fixture(scope="module")
async def api(stack: EmbeddedStack, service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """As another process would ask it, with the token of jo, of the tenant default; the tenant of
    cleo has nobody yet."""
    nobody = f"tenant-{secrets.token_hex(4)}"
    tokens = [
        token(name, list(Scope), tenant)
        for name, tenant in (("jo", "default"), ("ann", "acme"), ("cleo", nobody))
    ]
    async with serving(stack, service, tokens) as client:
        yield client


async def asked(api: httpx.AsyncClient, path: str, **parameters: Any) -> Any:
    answer = await api.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_is_posted_moves_the_contact_and_is_read_back(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact, demo = service.contact(), event("", *DEMO)
    demo["subject"] = contact
    answer = await api.post("/v1/interactions", json=demo)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert await service.stages(contact, 3) == ["lead", "prospect", "opportunity"]

    found = await asked(api, f"/v1/contacts/{contact}")
    assert (found["stage"], found["temperature"], found["seq"]) == ("opportunity", "hot", 3)
    assert found["model"] == "b2b-default@1"

    (item,) = (await asked(api, f"/v1/contacts/{contact}/timeline"))["items"]
    assert (item["id"], item["type"], item["is_retracted"]) == (demo["id"], "demo.requested", False)
    assert [move["to_stage"] for move in item["moves"]] == ["lead", "prospect", "opportunity"]

    why = await asked(api, f"/v1/contacts/{contact}/why")
    assert why["stage"] == "opportunity"
    assert why["decisions"][-1]["cause"]["event_id"] == demo["id"]
    assert any(guard["guard"] == "intent_active" for guard in why["decisions"][-1]["guards"])
    assert {way["from_stage"] for way in why["ways_out"]} == {"opportunity"}

    timers = (await asked(api, f"/v1/contacts/{contact}/timers"))["timers"]
    assert {"handoff_accept", "hot_followup"} <= {timer["name"] for timer in timers}
    assert [timer["due"] for timer in timers] == sorted(timer["due"] for timer in timers)

    why_not = await asked(api, f"/v1/contacts/{contact}/why-not", stage="customer")
    assert why_not["is_reachable"] is True
    assert [each["type"] for each in why_not["suggestion"]] == ["deal.won"]


async def test_a_contact_is_read_as_it_was(api: httpx.AsyncClient, service: Service) -> None:
    contact = service.contact()
    late = {"ingestmode": "backfill"}
    batch = [
        event(contact, *SIGN_UP, time=days_ago(30), **late),
        event(contact, *REPLY, time=days_ago(20), **late),
    ]
    answer = await api.post("/v1/interactions", json=batch, headers=BATCH)
    assert answer.json() == {"accepted": 2, "refused": 0, "errors": []}
    await service.stages(contact, 2)

    path, between = f"/v1/contacts/{contact}", days_ago(25)
    assert (await asked(api, path))["stage"] == "prospect"
    then = await asked(api, path, as_of=between)
    assert (then["stage"], then["at"]) == ("lead", between)
    assert (await asked(api, path, as_of=days_ago(40)))["stage"] == "none"

    history = await asked(api, f"{path}/history")
    assert [(each["seq"], each["to_stage"]) for each in history["items"]] == [
        (1, "lead"),
        (2, "prospect"),
    ]
    first = await asked(api, f"{path}/history", limit=1)
    second = await asked(api, f"{path}/history", limit=1, after=first["next"])
    assert [each["seq"] for each in first["items"] + second["items"]] == [1, 2]
    assert second["next"] is None

    stood = await asked(api, f"{path}/history", as_of=between)
    assert stood["standing"]["stage"] == "lead"
    unknown = await asked(api, f"{path}/history", as_of=between, known_at=between)
    assert (unknown["standing"]["stage"], unknown["items"]) == ("none", [])


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("why-not?stage=ada@example.org", "stage: must be one of lead, prospect"),
        ("?as_of=ada@example.org", "as_of: must be a moment: 2026-03-02 or"),
        ("?as_of=2150-01-01", "as_of: is too far ahead"),
        ("history?known_at=2026-13-01", "known_at: must be a moment"),
    ],
)
async def test_what_the_model_does_not_know_is_a_problem(
    api: httpx.AsyncClient, path: str, says: str
) -> None:
    answer = await api.get(f"/v1/contacts/anyone/{path}".replace("/?", "?"))
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(says)
    assert "ada@" not in answer.text


async def test_a_long_timeline_is_whole_and_paged(api: httpx.AsyncClient, service: Service) -> None:
    """Its oldest part stands elsewhere than the contact."""
    contact, count = service.contact(), 60
    visits = [
        event(
            contact,
            "website.visited",
            {"page_url": "https://shop.example/", "session_id": "s-1"},
            time=f"2026-03-02T09:{n:02}:00Z",
            ingestmode="backfill",
        )
        for n in range(count)
    ]
    checked = await api.post(
        "/v1/interactions", json=[*visits, event(contact, *DEMO)], headers=BATCH
    )
    assert checked.json()["accepted"] == count + 1, checked.text
    await service.stages(contact, 3)
    ids: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await asked(api, f"/v1/contacts/{contact}/timeline", limit=25, **cursor)
        ids += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"after": page["next"]}
    assert ids[1:] == [visit["id"] for visit in reversed(visits)]


async def test_a_decision_of_a_person_counts_once_and_in_their_name(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact = service.contact()
    await service.publish(contact, *SIGN_UP)
    await service.stages(contact, 1)
    override = {"command": "override", "data": {"to_stage": "opportunity", "reason": "met them"}}
    for _ in range(2):
        answer = await api.post(
            f"/v1/contacts/{contact}/commands",
            json=override,
            headers={"idempotency-key": f"k-{contact}"},
        )
        assert answer.status_code == 202
    changes = await service.records(Topic.STAGE_CHANGES, contact, 3)
    assert changes[-1]["to_stage"] == "opportunity"
    assert changes[-1]["cause"]["actor"] == "jo"
    assert changes[-1]["cause"]["event_id"] == answer.json()["command_id"]

    disqualify = {"command": "disqualify", "data": {"reason": "competitor"}}
    await api.post(
        f"/v1/contacts/{contact}/commands", json=disqualify, headers={"idempotency-key": "other"}
    )
    stages = await service.stages(contact, len(changes) + 1)
    assert stages[len(changes) :] == ["disqualified"]


async def test_what_is_erased_is_not_found(api: httpx.AsyncClient, service: Service) -> None:
    contact = service.contact()
    await service.publish(contact, *SIGN_UP)
    await service.stages(contact, 1)
    erase = {"command": "erase", "data": {"request_id": "r-1"}}
    headers = {"idempotency-key": f"erase-{contact}"}
    answer = await api.post(f"/v1/contacts/{contact}/commands", json=erase, headers=headers)
    assert answer.status_code == 202
    await service.records(Topic.STAGE_CHANGES, contact, 2)
    for path in ("", "/history", "/timeline", "/timers", "/why", "/why-not?stage=lead"):
        assert (await api.get(f"/v1/contacts/{contact}{path}")).status_code == 404


async def test_a_tenant_sees_its_own_contacts_only(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact, ann = service.contact(), {"authorization": "Bearer ann"}
    await api.post("/v1/interactions", json=event(contact, *DEMO), headers=ann)
    await service.stages(f"acme/{contact}", 3)
    mine = await api.get(f"/v1/contacts/{contact}", headers=ann)
    assert (mine.json()["tenant"], mine.json()["stage"]) == ("acme", "opportunity")
    assert (await api.get(f"/v1/contacts/{contact}")).status_code == 404


async def test_keys_with_a_slash_have_an_address(api: httpx.AsyncClient, service: Service) -> None:
    contact = f"crm/{service.contact()}"
    await api.post("/v1/interactions", json=event(contact, *SIGN_UP))
    await service.stages(f"default/{contact}", 1)
    found = await asked(api, f"/v1/contacts/{contact.replace('/', '%2F')}")
    assert (found["contact_id"], found["stage"]) == (contact, "lead")


async def test_accounts_are_listed_and_shown(api: httpx.AsyncClient, service: Service) -> None:
    contact, firm = service.contact(), f"firm-{secrets.token_hex(6)}"
    await service.publish(contact, "account.linked", {"account_id": firm}, topic=Topic.COMMANDS)
    await service.publish(contact, *DEMO)
    await service.records(Topic.ACCOUNTS, firm, 1)
    found = await asked(api, f"/v1/accounts/{firm}")
    assert (found["account"]["account_id"], found["account"]["contacts"]) == (firm, 1)
    assert [member["contact_id"] for member in found["members"]] == [contact]
    assert [change["to_stage"] for change in found["history"]] == ["prospect"]
    ids: list[str] = []
    cursor: dict[str, str] = {}
    while cursor is not None:
        page = await asked(api, "/v1/accounts", limit=1, **cursor)
        ids += [each["account_id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = {"after": page["next"]}
    assert firm in ids
    assert ids == sorted(set(ids))
    assert (await api.get("/v1/accounts/nowhere")).status_code == 404


async def test_dead_letters_are_listed_without_their_content(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact = service.contact()
    await service.publish(contact, "demo.requested", {"secret": "ada@example.org"})
    await service.records(Topic.DEAD_LETTERS, contact, 1)
    answer = await api.get("/v1/dead-letters", params={"reason": "schema_violation", "limit": 1})
    (letter,) = answer.json()["items"]
    assert (letter["topic"], letter["message"]) == (
        Topic.INTERACTIONS,
        "/data: product_id is required",
    )
    assert "ada@example.org" not in answer.text


async def test_lag_is_told_per_partition(api: httpx.AsyncClient, service: Service) -> None:
    contact = service.contact()
    await service.publish(contact, *SIGN_UP)
    await service.stages(contact, 1)
    rows = (await asked(api, "/v1/ops/lag"))["partitions"]
    topics = [Topic.INTERACTIONS, Topic.COMMANDS, Topic.ACCOUNT_INPUTS]
    assert [(row["topic"], row["partition"]) for row in rows] == [
        (topic, n) for topic in topics for n in range(PARTITIONS)
    ]
    assert all(row["owner"] for row in rows)
    assert sum(row["applied"] for row in rows if row["topic"] == Topic.INTERACTIONS) > 0


async def test_it_is_ready(api: httpx.AsyncClient) -> None:
    assert await asked(api, "/readyz") == {"ready": True}
    assert "funnel_ready 1.0" in (await api.get("/metrics")).text
