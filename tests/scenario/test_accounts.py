"""Several people of one organisation must convert to win it: accounts, through real topics."""

import secrets
from typing import Any

import asyncpg

from app.domain.topics import Topic
from tests.scenario.conftest import Service
from tests.scenario.test_mission import DEMO, REPLY, SIGN_UP

DECIDES = ("qualification.recorded", {"criterion": "authority", "value": "decision_maker"})


def account() -> str:
    """An organisation nobody has heard of."""
    return f"firm-{secrets.token_hex(6)}"


async def contact_of(service: Service, account_id: str) -> str:
    contact = service.contact()
    await service.publish(
        contact, "account.linked", {"account_id": account_id}, topic=Topic.COMMANDS
    )
    return contact


async def moves(service: Service, account_id: str, at_least: int) -> list[dict[str, Any]]:
    return await service.records(Topic.ACCOUNTS, account_id, at_least)


async def test_three_contacts_make_their_account_an_opportunity(service: Service) -> None:
    firm = account()
    buyer, colleague, boss = [await contact_of(service, firm) for _ in range(3)]
    demo = await service.publish(buyer, *DEMO)
    (first,) = await moves(service, firm, 1)
    assert (first["from_stage"], first["to_stage"], first["seq"]) == ("none", "prospect", 1)
    assert first["missing_roles"] == ["second_prospect", "decision_maker"]
    assert (first["contact_id"], first["cause"]["event_id"]) == (buyer, demo)

    await service.publish(colleague, *REPLY)
    await service.stages(colleague, 2)
    await service.publish(boss, *DECIDES)
    _, entered = await moves(service, firm, 2)
    assert entered["ce_type"] == "funnel.account.stage_changed.v1"
    assert (entered["from_stage"], entered["to_stage"]) == ("prospect", "opportunity")
    assert entered["missing_roles"] == []
    assert (entered["guards"][0]["guard"], entered["guards"][0]["passed"]) == ("committee", True)
    assert entered["evidence"] == sorted([buyer, colleague, boss])
    assert entered["contacts"] == 3


async def test_an_open_deal_makes_its_account_an_opportunity_and_a_won_one_a_customer(
    service: Service,
) -> None:
    firm = account()
    contact = await contact_of(service, firm)
    await service.publish(contact, *SIGN_UP)
    await moves(service, firm, 1)
    await service.publish(contact, "deal.updated", {"deal_id": "d1"})
    await moves(service, firm, 2)
    won = {"deal_id": "d1", "amount": 1200, "currency": "EUR"}
    await service.publish(contact, "deal.won", won)
    changes = await moves(service, firm, 3)
    assert [change["to_stage"] for change in changes] == ["lead", "opportunity", "customer"]
    assert changes[-1]["is_customer"] is True


async def test_who_moves_takes_their_part_along(service: Service) -> None:
    old, new = account(), account()
    contact = await contact_of(service, old)
    await service.publish(contact, *SIGN_UP)
    await moves(service, old, 1)
    await service.publish(contact, "account.linked", {"account_id": new}, topic=Topic.COMMANDS)
    (joined,) = await moves(service, new, 1)
    _, left = await moves(service, old, 2)
    assert (joined["to_stage"], joined["contacts"]) == ("lead", 1)
    assert (left["from_stage"], left["to_stage"], left["contacts"]) == ("lead", "none", 0)
    connection = await asyncpg.connect(service.database_url)
    rows = await connection.fetch(
        "SELECT account_id, has_left FROM account_member WHERE contact_id = $1", contact
    )
    await connection.close()
    assert {row["account_id"]: row["has_left"] for row in rows} == {old: True, new: False}
