"""The interactions the service was made for, through real topics: what sales and marketing see."""

from typing import Any

import asyncpg
import pytest

from app.bootstrap import now
from app.domain.calendar import DAY
from app.domain.routing import home_partition
from app.domain.timestamps import format_rfc3339
from app.domain.topics import Topic
from tests.scenario.conftest import PARTITIONS, Service

SIGN_UP = ("newsletter.signed_up", {"email": "a@firm.example", "list_id": "n1", "consent": True})
REPLY = ("email.replied", {"message_id": "m1", "is_auto_reply": False})
TALK = (
    "tradeshow.contact_made",
    {"show_id": "expo", "rep_id": "r7", "conversation": True},
)
DEMO = ("demo.requested", {"product_id": "analytics"})
PRICING = ("pricing.requested", {"product_id": "analytics"})


def days_ago(days: int) -> str:
    """Not so long ago that a timer would be due."""
    return format_rfc3339(now() - days * DAY)


def sector(value: str) -> tuple[str, dict[str, Any]]:
    return ("qualification.recorded", {"criterion": "industry", "value": value, "actor": "jo"})


async def test_a_newsletter_signup_makes_a_lead(service: Service) -> None:
    contact = service.contact()
    event_id = await service.publish(contact, *SIGN_UP)
    (change,) = await service.records(Topic.STAGE_CHANGES, contact, 1)
    assert (change["from_stage"], change["to_stage"], change["seq"]) == ("none", "lead", 1)
    assert change["cause"]["event_id"] == event_id
    assert change["ce_type"] == "funnel.contact.stage_changed.v1"


@pytest.mark.parametrize("talk", [REPLY, TALK], ids=["email reply", "trade-show talk"])
async def test_two_way_contact_makes_a_prospect(
    service: Service, talk: tuple[str, dict[str, Any]]
) -> None:
    contact = service.contact()
    await service.publish(contact, *SIGN_UP, time=days_ago(30), ingestmode="backfill")
    await service.publish(contact, *talk)
    assert await service.stages(contact, 2) == ["lead", "prospect"]


@pytest.mark.parametrize("intent", [DEMO, PRICING], ids=["demo request", "pricing request"])
async def test_an_intent_goes_through_every_stage_to_opportunity(
    service: Service, intent: tuple[str, dict[str, Any]]
) -> None:
    contact = service.contact()
    event_id = await service.publish(contact, *intent)
    changes = await service.records(Topic.STAGE_CHANGES, contact, 3)
    assert [(c["from_stage"], c["to_stage"], c["seq"]) for c in changes] == [
        ("none", "lead", 1),
        ("lead", "prospect", 2),
        ("prospect", "opportunity", 3),
    ]
    became, asked = await service.records(Topic.OPPORTUNITIES, contact, 2)
    assert became["ce_type"] == "funnel.contact.became_opportunity.v1"
    assert asked["ce_type"] == "funnel.contact.handoff_requested.v1"
    assert (became["seq"], became["stage"], became["evidence"]) == (3, "opportunity", [event_id])
    assert {guard["guard"] for guard in became["guards"]} >= {"intent_active", "not_blocked"}
    snapshots = await service.records(Topic.CONTACTS, contact, 1)
    assert snapshots[-1]["stage"] == "opportunity"


async def test_a_sector_that_is_not_ours_disqualifies(service: Service) -> None:
    contact = service.contact()
    await service.publish(contact, *SIGN_UP)
    await service.stages(contact, 1)
    await service.publish(contact, *sector("not_met"))
    assert await service.stages(contact, 2) == ["lead", "disqualified"]


async def test_a_won_deal_makes_a_customer_and_closes_the_opportunity(service: Service) -> None:
    contact = service.contact()
    await service.publish(contact, *DEMO)
    await service.stages(contact, 3)
    won = {"deal_id": "d1", "amount": 1200, "currency": "EUR"}
    await service.publish(contact, "deal.won", won)
    assert (await service.stages(contact, 4))[-1] == "customer"
    records = await service.records(Topic.OPPORTUNITIES, contact, 4)
    kinds = [record["ce_type"].split(".")[2] for record in records]
    assert kinds == [
        "became_opportunity", "handoff_requested", "opportunity_closed", "handoff_withdrawn",
    ]  # fmt: skip
    assert records[2]["outcome"] == "won"


async def test_a_duplicate_changes_nothing(service: Service) -> None:
    contact = service.contact()
    for _ in range(3):
        await service.publish(contact, *SIGN_UP, id="same")
    await service.publish(contact, *REPLY)
    assert await service.stages(contact, 2) == ["lead", "prospect"]


async def test_a_late_interaction_moves_history_and_says_so(service: Service) -> None:
    contact = service.contact()
    earlier = days_ago(40)
    await service.publish(contact, *SIGN_UP, time=days_ago(10))
    await service.stages(contact, 1)
    await service.publish(contact, *TALK, time=earlier)
    first, moved, added = await service.records(Topic.STAGE_CHANGES, contact, 3)
    assert moved["ce_type"] == "funnel.contact.history_corrected.v1"
    assert moved["transition_id"] == first["transition_id"]
    assert moved["effective_at"] == earlier
    assert (added["to_stage"], added["stage"], added["late"]) == ("prospect", "prospect", True)
    assert [record["seq"] for record in (first, moved, added)] == [1, 2, 3]


async def test_a_record_off_its_home_partition_is_forwarded_and_handled(service: Service) -> None:
    contact = service.contact()
    elsewhere = (home_partition(contact, PARTITIONS) + 5) % PARTITIONS
    await service.publish(contact, *SIGN_UP, partition=elsewhere)
    assert await service.stages(contact, 1) == ["lead"]


async def test_what_can_not_be_processed_is_a_dead_letter_with_its_reason(
    service: Service,
) -> None:
    contact = service.contact()
    await service.publish(contact, "demo.requested", {})
    (letter,) = await service.records(Topic.DEAD_LETTERS, contact, 1)
    assert letter["headers"]["__dlq.errors.reason"] == b"schema_violation"
    connection = await asyncpg.connect(service.database_url)
    rows = await connection.fetch("SELECT reason FROM dead_letter WHERE key = $1", contact.encode())
    await connection.close()
    assert [row["reason"] for row in rows] == ["schema_violation"]
