"""Lists, searches and counts through real topics: what a contact does is where it is listed."""

import asyncio
import csv
import io
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import httpx

from app.domain.topics import Topic
from tests.scenario.conftest import Service, event
from tests.scenario.test_api import api, asked
from tests.scenario.test_mission import DEMO, SIGN_UP, days_ago

__all__ = ["api"]
PATIENCE = 30.0


async def until_listed(api: httpx.AsyncClient, contact: str, **wanted: Any) -> dict[str, Any]:
    """The contact as its key finds it, once it is as wanted."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = await asked(api, "/v1/contacts", text=contact)
        for item in found["items"]:
            if wanted.items() <= item.items():
                return dict(item)
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)


async def keys(api: httpx.AsyncClient, **parameters: Any) -> list[str]:
    found = await asked(api, "/v1/contacts", limit=500, **parameters)
    return [item["contact_id"] for item in found["items"]]


async def test_a_contact_is_listed_where_it_belongs(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact, word = service.contact(), secrets.token_hex(6)
    touch = {"channel": f"ch-{word}", "campaignid": f"ca-{word}"}
    told = {"name": f"Zoë {word}", "email": f"{word}@firm.example", "company": f"Co {word}"}
    # at another moment than the demo request: sales would else have followed up on it
    owner = {"user": f"rep-{word}"}
    await service.publish(contact, "owner.assigned", owner, topic=Topic.COMMANDS, time=days_ago(1))
    await service.publish(contact, *SIGN_UP, **touch)
    await service.publish(contact, "contact.profiled", told)
    await service.publish(contact, *DEMO)
    item = await until_listed(api, contact, stage="opportunity", owner=f"rep-{word}")
    assert item["profile"] == {**told, "phone": None}
    assert (item["temperature"], item["owner_team"]) == ("hot", "sales")
    assert item["first_touch"] == {"channel": f"ch-{word}", "campaign_id": f"ca-{word}"}
    assert item["follow_up_due"] > item["entered_at"]
    for parameters in (
        {"stage": "opportunity"}, {"temperature": "hot"}, {"owner": f"rep-{word}"},
        {"owner_team": "sales"}, {"channel": f"ch-{word}"}, {"campaign": f"ca-{word}"},
        {"text": f"zoe {word}"}, {"text": word}, {"text": f"co {word}"}, {"text": f"{word}@f"},
        {"account": "firm.example", "owner": f"rep-{word}"},
    ):  # fmt: skip
        for sort in ("follow-up", "updated"):
            assert contact in await keys(api, sort=sort, **parameters), parameters
    assert contact not in await keys(api, stage="lead")
    assert contact not in await keys(api, owner_team="marketing")
    cleo = {"authorization": "Bearer cleo"}
    assert (await api.get("/v1/contacts", headers=cleo)).json()["items"] == []
    assert (await api.get("/v1/contacts?text=crm-", headers=cleo)).json()["items"] == []


async def test_a_followed_up_contact_no_longer_waits(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact = service.contact()
    await service.publish(contact, *DEMO)
    assert (await until_listed(api, contact, stage="opportunity"))["follow_up_due"]
    await service.publish(contact, "meeting.held", {"with": "rep-7", "product_id": "p"})
    await until_listed(api, contact, follow_up_due=None, temperature="hot")


async def test_pages_and_the_table_hold_the_same_in_the_same_order(
    api: httpx.AsyncClient, service: Service
) -> None:
    owner = f"rep-{secrets.token_hex(6)}"
    contacts = [service.contact() for _ in range(5)]
    for n, contact in enumerate(contacts):
        name = {"name": f"=cmd|{owner}", "phone": "+49 30 1"}
        await service.publish(contact, "contact.profiled", name)
        await service.publish(contact, *(DEMO if n % 2 else SIGN_UP))
        await service.publish(contact, "owner.assigned", {"user": owner}, topic=Topic.COMMANDS)
        await until_listed(api, contact, owner=owner)
    for sort in ("follow-up", "updated"):
        pages: list[str] = []
        cursor: dict[str, str] | None = {}
        while cursor is not None:
            page = await asked(api, "/v1/contacts", owner=owner, sort=sort, limit=2, **cursor)
            pages += [item["contact_id"] for item in page["items"]]
            cursor = {"after": page["next"]} if page["next"] else None
        assert sorted(pages) == sorted(contacts)
        answer = await api.get(
            "/v1/contacts", params={"owner": owner, "sort": sort}, headers={"accept": "text/csv"}
        )
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert [row["contact_id"] for row in rows] == pages
        assert {row["name"] for row in rows} == {f"'=cmd|{owner}"}
        assert {row["phone"] for row in rows} == {"'+49 30 1"}


async def test_a_linked_identity_is_not_listed_but_found(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact, visitor = service.contact(), f"visitor-{secrets.token_hex(6)}"
    word = secrets.token_hex(6)
    await service.publish(contact, *SIGN_UP)
    await service.publish(visitor, *DEMO)
    await service.publish(visitor, "contact.profiled", {"name": word})
    await until_listed(api, visitor, stage="opportunity")
    link = {"other": contact, "evidence": "same sign-in", "actor": "jo"}
    await service.publish(visitor, "identity.linked", link, topic=Topic.COMMANDS)
    await until_listed(api, contact, stage="opportunity")
    assert visitor not in await keys(api, stage="opportunity", sort="updated")
    assert await keys(api, text=word) == [contact]
    assert await keys(api, text=visitor) == [contact]


async def test_an_erased_contact_is_nowhere(api: httpx.AsyncClient, service: Service) -> None:
    contact, word = service.contact(), secrets.token_hex(6)
    await service.publish(contact, *SIGN_UP)
    await service.publish(contact, "contact.profiled", {"name": word})
    await until_listed(api, contact, stage="lead")
    await service.publish(
        contact, "privacy.erasure_requested", {"request_id": "r"}, topic=Topic.COMMANDS
    )
    deadline = time.monotonic() + PATIENCE
    while await keys(api, text=contact):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert await keys(api, text=word) == []


async def test_the_summary_counts_moves_by_touch_and_time(
    api: httpx.AsyncClient, service: Service
) -> None:
    contact, channel = service.contact(), f"ch-{secrets.token_hex(6)}"
    await service.publish(contact, *DEMO, channel=channel)
    await until_listed(api, contact, stage="opportunity")
    found = await asked(api, "/v1/funnel/summary", channel=channel)
    (group,) = found["groups"]
    assert [(move["from_stage"], move["to_stage"], move["n"]) for move in group["moves"]] == [
        ("none", "lead", 1), ("lead", "prospect", 1), ("prospect", "opportunity", 1),
    ]  # fmt: skip
    figures = {each["stage"]: each for each in group["stages"]}
    assert (figures["lead"]["entered"], figures["lead"]["conversion"]) == (1, 1.0)
    assert figures["lead"]["mean_days"] == 0.0
    assert (figures["customer"]["entered"], figures["customer"]["conversion"]) == (0, None)
    counts = {each["stage"]: each["contacts"] for each in found["stages"]}
    assert counts["opportunity"] >= 1
    groups = (await asked(api, "/v1/funnel/summary", by="channel"))["groups"]
    assert channel in [each["group"] for each in groups]
    today = datetime.now(UTC).date().isoformat()
    days = (await asked(api, "/v1/funnel/summary", by="day"))["groups"]
    assert today in [each["group"] for each in days]
    table = await api.get(f"/v1/funnel/summary?channel={channel}", headers={"accept": "text/csv"})
    assert ",lead,1,1,0,1.0,0.0,0.0" in table.text


async def test_the_forecast_is_of_open_deals(api: httpx.AsyncClient, service: Service) -> None:
    contact, deal = service.contact(), secrets.token_hex(6)
    data = {"deal_id": deal, "amount": 200, "currency": "XTS", "probability": 0.25,
            "expected_close": "2199-04-30"}  # fmt: skip
    await service.publish(contact, *DEMO)
    await service.publish(contact, "deal.updated", data)
    want = {"month": "2199-04", "currency": "XTS", "deals": 1, "amount": 200.0, "weighted": 50.0,
            "unweighted": 0}  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while want not in (await asked(api, "/v1/funnel/forecast"))["items"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    table = await api.get("/v1/funnel/forecast", headers={"accept": "text/csv"})
    assert "2199-04,XTS,1,200.0,50.0,0" in table.text
    won = {"deal_id": deal, "amount": 200, "currency": "XTS"}
    await service.publish(contact, "deal.won", won)
    await until_listed(api, contact, stage="customer")
    assert want not in (await asked(api, "/v1/funnel/forecast"))["items"]


async def test_many_of_one_batch_are_listed(api: httpx.AsyncClient, service: Service) -> None:
    """As an import sends them."""
    firm = secrets.token_hex(6)
    batch = [
        event(f"{firm}-{n}", "contact.profiled", {"company": f"{firm} {n}"}) for n in range(120)
    ] + [event(f"{firm}-{n}", *DEMO) for n in range(120)]
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = await api.post("/v1/interactions", json=batch, headers=headers)
    assert answer.json()["accepted"] == 240
    deadline = time.monotonic() + PATIENCE
    while len(await keys(api, text=firm, stage="opportunity")) < 120:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
