"""Records of output topics, as the encoder writes them, for the live view's tests."""

import json
from typing import Any

from app.live.event import Headers, LiveEvent, read
from app.live.position import STREAMED, Position
from app.live.rounds import HeardBatch
from app.outbound.headers import EventType

AT = "2026-03-02T09:14:05Z"
PARTITIONS = 3


def record(
    contact: str = "crm-1",
    *,
    tenant: str = "default",
    type_: str = EventType.STAGE_CHANGED,
    **data: Any,
) -> tuple[Headers, bytes]:
    """Headers and value."""
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", f"id-of-{contact}".encode()),
        ("ce_source", b"/funnel"),
        ("ce_type", type_.encode()),
        ("ce_subject", contact.encode()),
        ("ce_tenantid", tenant.encode()),
    ]
    facts = {"from_stage": "none", "to_stage": "lead", "stage": "lead", "owner_team": "marketing"}
    return headers, json.dumps({**facts, "decided_at": AT, **data}).encode()


def event(contact: str = "crm-1", **given: Any) -> LiveEvent:
    found = read(*record(contact, **given))
    assert found is not None
    return found


def batch(seq: int, *events: LiveEvent, topic: int = 0, partition: int = 0) -> HeardBatch:
    return HeardBatch(topic, partition, seq, list(events))


def nowhere() -> Position:
    """Before the first batch."""
    return Position([[0] * PARTITIONS for _ in STREAMED])
