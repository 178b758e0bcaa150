"""A batch of due contacts: no records, and what its timers did is stored and told as ever."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from app.domain.decide import Decision, decide_due
from app.domain.topics import CONTACT_LANE_INPUTS, Topic
from app.errors import RuleError
from app.handling.batch import NO_CHECK, DecidedBatch, PartitionDue
from app.handling.cache import ContactCache
from app.handling.decider import Decider
from app.handling.partition import OwnedPartition
from app.handling.parts import Parts
from app.inbound.decoding import make_decoder
from app.models import load_rules
from app.outbound.encoding import make_encoder
from app.settings import Settings
from app.storage.rows import CheckRow, PartitionRow, StoredContact
from app.telemetry.metrics import Metrics
from tests.unit.handling.register import Nobody
from tests.unit.inbound.events import ARRIVED_MS, event, structured

ARRIVED = ARRIVED_MS * 1000
DAY = 86_400_000_000
OFFSETS = (10, 20)


class Topics:
    topics = CONTACT_LANE_INPUTS


class Lane(NamedTuple):
    decider: Decider
    owned: OwnedPartition
    metrics: Metrics

    async def told(self, *types: str, contact_id: str = "crm-1") -> DecidedBatch:
        data = {"demo.requested": {"product_id": "x"}}
        records = [
            structured(event(id=f"e{n}", type=type_, subject=contact_id, data=data[type_]))
            for n, type_ in enumerate(types)
        ]
        return await self.decider.decide(1, [(self.owned, records)], ARRIVED)

    async def fire(self, horizon: int, *contact_ids: str) -> DecidedBatch:
        rows = [CheckRow(0, "default", contact_id, 1) for contact_id in contact_ids]
        return await self.decider.decide_due(2, [PartitionDue(self.owned, horizon, rows)], horizon)

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"funnel_{name}", labels) or 0.0


@pytest.fixture
def lane() -> Lane:
    async def load(keys: Sequence[tuple[int, str, str]]) -> list[StoredContact]:
        return []

    async def load_sealed(partition: int, tenant: str, contact_id: str) -> list[bytes]:
        return []

    settings, rules, metrics = Settings(), load_rules("b2b-default@1"), Metrics()
    unused: Any = None
    source: Any = Topics()
    parts = Parts(settings, "contacts", source, unused, unused, unused, metrics, lambda: 0, unused)
    decode = make_decoder(rules, settings.limits, CONTACT_LANE_INPUTS, 1)
    encoder = make_encoder("funnel", CONTACT_LANE_INPUTS, 1)
    cache = ContactCache(2**30)
    made = Decider(parts, decode, encoder, rules, cache, load, load_sealed, Nobody(), {})
    row = PartitionRow("contacts", 0, 7, "me", 40, OFFSETS, ARRIVED - DAY, 40, OFFSETS)
    return Lane(made, OwnedPartition(row), metrics)


async def test_only_the_number_and_as_of_move(lane: Lane) -> None:
    batch = await lane.fire(ARRIVED, "crm-1")
    (part,) = batch.parts
    assert part.position == lane.owned.decided == (0, 41, OFFSETS, ARRIVED)
    assert (part.n, batch.fetched, batch.source_keys()) == (0, [], [])


async def test_as_of_never_goes_back(lane: Lane) -> None:
    batch = await lane.fire(ARRIVED - 2 * DAY, "crm-1")
    assert batch.parts[0].position.as_of == ARRIVED - DAY


async def test_a_contact_with_nothing_due_changes_nothing(lane: Lane) -> None:
    await lane.told("demo.requested")
    batch = await lane.fire(ARRIVED, "crm-1", "unknown")
    assert (batch.contacts, batch.history, batch.parts[0].records) == ([], [], [])
    assert batch.check_at == NO_CHECK
    assert batch.stuck == []


async def test_what_timers_did_is_stored_counted_and_told_in_order(lane: Lane) -> None:
    begun = await lane.told("demo.requested")
    assert ARRIVED < begun.check_at < ARRIVED + 7 * DAY
    batch = await lane.fire(ARRIVED + 90 * DAY, "crm-1")
    assert [row.change.to_stage for row in batch.history] == ["recycled"]
    assert batch.contacts[0].change.stage == "recycled"
    deltas = {row.stage: row.delta for row in batch.counters}
    assert deltas == {"opportunity": -1, "recycled": 1}
    assert batch.check_at > ARRIVED + 90 * DAY
    records = batch.parts[0].records
    topics = [record.topic for record in records]
    last_change = max(n for n, topic in enumerate(topics) if topic == Topic.STAGE_CHANGES)
    signals = [n for n, topic in enumerate(topics) if topic == Topic.SIGNALS]
    assert last_change < signals[0]
    assert topics[-1] == Topic.CONTACTS
    assert {dict(record.headers)["funnel-batch"] for record in records} == {b"contacts/0/42"}


async def test_breached_service_levels_are_counted_by_timer(lane: Lane) -> None:
    first = await lane.told("demo.requested")
    batch = await lane.fire(first.check_at + 7 * DAY, "crm-1")
    breached = [
        json.loads(record.value or b"")["timer"]
        for record in batch.parts[0].records
        if dict(record.headers)["ce_type"] == b"funnel.contact.sla_breached.v1"
    ]
    assert "handoff_accept" in breached
    for timer in set(breached):
        assert lane.counted("sla_breaches_total", timer=timer) == breached.count(timer)


async def test_a_rule_that_fails_leaves_its_contact_and_spares_the_others(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lane.told("demo.requested")
    await lane.told("demo.requested", contact_id="crm-2")

    def failing(contact: Any, *others: Any) -> Decision:
        decision = decide_due(contact, *others)
        if contact.contact_id == "crm-1":
            raise RuleError("a timer arms itself")
        return decision

    monkeypatch.setattr("app.handling.decider.decide_due", failing)
    batch = await lane.fire(ARRIVED + 90 * DAY, "crm-1", "crm-2")
    assert [row.change.contact_id for row in batch.contacts] == ["crm-2"]
    assert [row.contact_id for row in batch.stuck] == ["crm-1"]
