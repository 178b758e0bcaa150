"""Preset account-based, through real topics: the account is handed over, never a contact alone."""

import pytest

from app.domain.topics import Topic
from tests.scenario.conftest import Service
from tests.scenario.test_accounts import DECIDES, account, contact_of, moves
from tests.scenario.test_mission import DEMO, REPLY


@pytest.fixture(scope="module")
def model() -> str:
    return "account-based@1"


async def test_the_account_is_handed_over_once_its_committee_is_complete(
    service: Service,
) -> None:
    firm = account()
    buyer, boss = [await contact_of(service, firm) for _ in range(2)]
    await service.publish(buyer, *DEMO)
    await moves(service, firm, 1)
    await service.publish(boss, *REPLY)
    await service.publish(boss, *DECIDES)
    _, entered, requested = await moves(service, firm, 3)
    assert requested["ce_type"] == "funnel.account.handoff_requested.v1"
    assert requested["transition_id"] == entered["transition_id"]
    assert requested["stage"] == "opportunity"
    heard = await service.records(Topic.OPPORTUNITIES, buyer, 1)
    assert [record["ce_type"] for record in heard] == ["funnel.contact.became_opportunity.v1"]


async def test_the_handoff_is_withdrawn_when_the_account_is_an_opportunity_no_longer(
    service: Service,
) -> None:
    firm = account()
    contact = await contact_of(service, firm)
    await service.publish(contact, "deal.updated", {"deal_id": "d1"})
    entered, requested = await moves(service, firm, 2)
    await service.publish(contact, "deal.lost", {"deal_id": "d1", "reason": "price"})
    *_, left, withdrawn = await moves(service, firm, 4)
    assert (left["from_stage"], withdrawn["ce_type"]) == (
        "opportunity",
        "funnel.account.handoff_withdrawn.v1",
    )
    assert entered["transition_id"] == requested["transition_id"] == withdrawn["transition_id"]
