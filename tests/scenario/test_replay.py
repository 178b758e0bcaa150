"""What a worker stored equals what its batches say: replay after traffic through real topics."""

from functools import partial

from pydantic import SecretStr

from app.domain.routing import home_partition
from app.domain.topics import CONTACT_LANE, CONTACT_LANE_INPUTS
from app.inbound.decoding import make_decoder
from app.models import load_rules
from app.runtime.deciding import Timelines
from app.runtime.replay.replay import replay
from app.settings import Database, Limits
from app.storage.connect import connect
from app.storage.deciding import read_deciding
from tests.scenario.conftest import PARTITIONS, Service
from tests.scenario.test_mission import DEMO, REPLY, SIGN_UP, TALK, sector

RULES = load_rules("b2b-default@1")


async def test_replay_equals_live_after_traffic_through_real_topics(service: Service) -> None:
    contacts = [service.contact() for _ in range(12)]
    for n, contact in enumerate(contacts):
        elsewhere = (home_partition(contact, PARTITIONS) + n % 2) % PARTITIONS
        await service.publish(contact, *SIGN_UP, time="2026-05-01T10:00:00Z", partition=elsewhere)
        await service.publish(contact, *REPLY, id="same")
        await service.publish(contact, *REPLY, id="same")
        await service.publish(contact, *TALK, time="2026-04-01T10:00:00Z")
        await service.publish(contact, *(sector("not_met") if n % 3 else DEMO))
    for n, contact in enumerate(contacts):
        wanted = "disqualified" if n % 3 else "opportunity"
        at_least = 3
        while wanted not in await service.stages(contact, at_least):
            at_least += 1
    url = Database(url=SecretStr(service.database_url))
    connection = await connect(url, application_name="replay")
    try:
        decoder = partial(make_decoder, RULES, Limits(), CONTACT_LANE_INPUTS, PARTITIONS, None)
        timelines = Timelines(RULES, await read_deciding(connection, CONTACT_LANE), {})
        report = await replay(connection, CONTACT_LANE, range(PARTITIONS), decoder, timelines)
    finally:
        await connection.close()
    assert report.differences == []
    assert report.is_equal
    assert report.contacts >= len(contacts)
    assert report.interactions >= 4 * len(contacts)
