"""Several people of one organisation must convert to win it: accounts, through real topics."""

import asyncio
import json
import os
import secrets
import sys
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from app.domain.routing import home_partition
from app.domain.topics import ACCOUNT_LANE_INPUTS, CONTACT_LANE_INPUTS, Topic
from app.runtime.embedded.stack import EmbeddedStack
from tests.scenario.conftest import PARTITIONS, Service
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


async def funnel(service: Service, *args: str, **settings: str) -> str:
    """What the command prints."""
    environment = {**os.environ, "FUNNEL_DATABASE__URL": service.database_url, **settings}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli.main", *args),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


async def test_the_command_shows_an_account_with_who_is_missing(service: Service) -> None:
    firm = account()
    contact = await contact_of(service, firm)
    await service.publish(contact, *DEMO)
    await moves(service, firm, 1)
    shown = json.loads(await funnel(service, "account", "show", firm, "--json"))
    assert (shown["stage"], shown["missing_roles"]) == (
        "prospect",
        ["second_prospect", "decision_maker"],
    )
    (member,) = shown["members"]
    assert (member["contact_id"], member["stage"]) == (contact, "opportunity")
    assert [change["to_stage"] for change in shown["history"]] == ["prospect"]
    printed = await funnel(service, "account", "show", firm)
    assert "a decision maker" in printed
    assert "committee" in printed
    listed = json.loads(await funnel(service, "account", "list", "--json", "--stage", "prospect"))
    assert firm in [one["account_id"] for one in listed]
    assert firm in await funnel(service, "account", "list", "--limit", "1000")


async def test_lag_is_that_of_both_lanes(service: Service, stack: EmbeddedStack) -> None:
    firm = account()
    await service.publish(await contact_of(service, firm), *DEMO)
    await moves(service, firm, 1)
    group = urlsplit(service.database_url).path.removeprefix("/")
    printed = await funnel(
        service,
        "lag",
        "--json",
        FUNNEL_KAFKA__BOOTSTRAP_SERVERS=stack.bootstrap_servers,
        FUNNEL_KAFKA__GROUP_ID=group,
    )
    rows = json.loads(printed)["partitions"]
    assert {row["topic"] for row in rows} == {*CONTACT_LANE_INPUTS, *ACCOUNT_LANE_INPUTS}
    (home,) = [
        row
        for row in rows
        if row["topic"] == Topic.ACCOUNT_INPUTS
        and row["partition"] == home_partition(firm, PARTITIONS)
    ]
    assert home["published"] > 0
    assert home["owner"] is not None
