"""What is published of an erased contact is what schemas/outputs says."""

import json

import pytest

from app.domain.erasure import ERASURE, Erasure, erase
from app.domain.topics import Topic
from app.outbound.headers import EventType, Header
from tests.contract.test_output_schemas import headers_of, valid
from tests.unit.domain.story import Story, interaction
from tests.unit.outbound.decisions import DECIDED_AT, encoder


def erased(*told: str) -> Erasure:
    story = Story()
    for day, kind in enumerate(told):
        story.tell(kind, day)
    asked = interaction(ERASURE, 10, event_id="e-1", request_id="r-7")
    return erase(story.contact, asked, story.rules)


STORIES = ((), ("newsletter.signed_up",), ("demo.requested",))


@pytest.mark.parametrize("told", STORIES, ids=["unknown", "lead", "opportunity"])
def test_the_last_record_keeps_its_schema(told: tuple[str, ...]) -> None:
    erasure = erased(*told)
    record, tombstone = encoder().erased("default", "crm-1", 3, DECIDED_AT, erasure.notice)
    assert record.topic == Topic.STAGE_CHANGES
    assert dict(record.headers)[Header.TYPE] == EventType.ERASED.encode()
    valid(EventType.ERASED, json.loads(record.value or b""))
    valid("headers", headers_of(record))
    assert (tombstone.topic, tombstone.key, tombstone.value) == (Topic.CONTACTS, b"crm-1", None)
    assert tombstone.partition == record.partition == 3


@pytest.mark.parametrize("told", STORIES, ids=["unknown", "lead", "opportunity"])
def test_t18_keeps_the_schema_of_stage_changes(told: tuple[str, ...]) -> None:
    erasure = erased(*told)
    records = encoder().change("default", "crm-1", 3, DECIDED_AT, erasure.change)
    types = [EventType(dict(record.headers)[Header.TYPE].decode()) for record in records]  # type: ignore[union-attr]
    closed = [EventType.OPPORTUNITY_CLOSED] if told == ("demo.requested",) else []
    assert types == [EventType.STAGE_CHANGED, *closed]
    for type_, record in zip(types, records, strict=True):
        valid(type_, json.loads(record.value or b""))
        valid("headers", headers_of(record))


def test_the_withdrawn_handoff_keeps_its_schema() -> None:
    erasure = erased("demo.requested")
    assert erasure.withdrawn is not None
    record = encoder().signal("default", "crm-1", 3, DECIDED_AT, erasure.withdrawn)
    valid(EventType.HANDOFF_WITHDRAWN, json.loads(record.value or b""))
    valid("headers", headers_of(record))
