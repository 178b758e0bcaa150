"""The preset profile-first: no sector known, no prospect; the fact frees what waited."""

import pytest

from app.domain.topics import Topic
from tests.scenario.conftest import Service
from tests.scenario.test_mission import DEMO, sector


@pytest.fixture(scope="module")
def model() -> str:
    return "profile-first@1"


async def test_an_intent_waits_for_the_sector_then_chains_in_one_step(service: Service) -> None:
    contact = service.contact()
    await service.publish(contact, *DEMO)
    assert await service.stages(contact, 1) == ["lead"]
    (waiting,) = await service.records(Topic.CONTACTS, contact, 1)
    assert (waiting["stage"], waiting["qualification_needed"]) == ("lead", True)

    fact = await service.publish(contact, *sector("met"))
    changes = await service.records(Topic.STAGE_CHANGES, contact, 3)
    assert [change["to_stage"] for change in changes] == ["lead", "prospect", "opportunity"]
    assert [change["cause"]["event_id"] for change in changes[1:]] == [fact, fact]
    became, asked = await service.records(Topic.OPPORTUNITIES, contact, 2)
    assert became["ce_type"] == "funnel.contact.became_opportunity.v1"
    assert asked["ce_type"] == "funnel.contact.handoff_requested.v1"
