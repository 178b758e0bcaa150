"""What the encoder writes is what schemas/outputs says."""

import json
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from app.domain.changes import Change, Signal
from app.domain.reasons import Reason
from app.errors import Poison, RuleError
from app.handling.records import OutputRecord
from app.inbound.validation import INTERACTION_SCHEMAS
from app.outbound.headers import DeadLetterHeader, EventType, Header
from tests.unit.inbound.events import event, structured
from tests.unit.outbound.decisions import DECIDED_AT, VIEW, change, encoder, signal

OUTPUTS = INTERACTION_SCHEMAS.parent / "outputs"
REVOKED = "fedcba9876543210fedcba9876543210"


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((OUTPUTS / f"{name}.json").read_bytes())
    return loaded


def valid(name: str, instance: Any) -> None:
    """By its schema; and without a field that it does not know, but for a stranger's headers."""
    found = schema(name)
    asked = found if name == "dead-letter-headers" else closed(found)
    jsonschema_rs.Draft202012Validator(asked, validate_formats=True).validate(instance)


def closed(part: Any) -> Any:
    """Published schemas let fields be added later; what is written now they name."""
    if isinstance(part, list):
        return [closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    inner = {name: closed(each) for name, each in part.items()}
    return {"additionalProperties": False, **inner} if "properties" in part else inner


def headers_of(record: OutputRecord) -> dict[str, str]:
    assert len({name for name, _ in record.headers}) == len(record.headers)
    return {name: (value or b"").decode() for name, value in record.headers}


CHANGES = {
    EventType.STAGE_CHANGED: change(traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01"),
    EventType.STAGE_REVOKED: change(kind="revoked", revokes=REVOKED),
    EventType.HISTORY_CORRECTED: change(kind="corrected", opportunity=None, late=True),
    EventType.BECAME_OPPORTUNITY: change(opportunity="became"),
    EventType.OPPORTUNITY_REVOKED: change(kind="revoked", revokes=REVOKED, opportunity="revoked"),
    EventType.OPPORTUNITY_CLOSED: change(opportunity="closed", outcome="won"),
}


@pytest.mark.parametrize(("type_", "decided"), CHANGES.items(), ids=list(CHANGES))
def test_records_about_transitions_keep_their_schema(type_: EventType, decided: Change) -> None:
    records = encoder().change("default", "crm-10231", 3, DECIDED_AT, decided)
    (record,) = [one for one in records if dict(one.headers)[Header.TYPE] == type_.encode()]
    valid(type_, json.loads(record.value or b""))
    valid("headers", headers_of(record))


TRANSITION = {
    "transition_id": "0123456789abcdef0123456789abcdef",
    "transition": "T3",
    "from_stage": "prospect",
    "to_stage": "opportunity",
}
BREACH = {"timer": "handoff_accept", "due": "2026-03-02T09:14:05Z"}
SIGNALS = {
    EventType.HANDOFF_REQUESTED: signal(kind="handoff_requested", details={}, **TRANSITION),
    EventType.HANDOFF_WITHDRAWN: signal(kind="handoff_withdrawn", details={}, **TRANSITION),
    EventType.TEMPERATURE_CHANGED: signal(
        kind="temperature_changed", details={"from": "warm", "to": "hot"}
    ),
    EventType.SLA_BREACHED: signal(kind="sla_breached", details=BREACH),
    EventType.NURTURE_REQUESTED: signal(kind="nurture_requested", details={"track": "educate"}),
    EventType.NURTURE_WITHDRAWN: signal(kind="nurture_withdrawn", details={}),
    EventType.QUALIFICATION_NEEDED: signal(kind="qualification_needed", details={}, seq=0),
    EventType.DEADLINE_NEAR: signal(kind="deadline_near", details={}),
    EventType.TRIAL_ENDING: signal(kind="trial_ending", details={}),
    EventType.QUOTE_EXPIRING: signal(kind="quote_expiring", details={}),
    EventType.RETENTION_DUE: signal(kind="retention_due", details={}),
}


@pytest.mark.parametrize(("type_", "said"), SIGNALS.items(), ids=list(SIGNALS))
def test_signals_keep_their_schema(type_: EventType, said: Signal) -> None:
    record = encoder().signal("default", "crm-10231", 3, DECIDED_AT, said)
    assert dict(record.headers)[Header.TYPE] == type_.encode()
    valid(type_, json.loads(record.value or b""))
    valid("headers", headers_of(record))


def test_every_signal_has_an_example_here() -> None:
    of_contacts = {type_ for type_ in EventType if type_.startswith("funnel.contact.")}
    assert {*CHANGES, *SIGNALS, EventType.SNAPSHOT, EventType.ERASED} == of_contacts


@pytest.mark.parametrize("linked_to", [None, "crm-7"])
def test_snapshots_keep_their_schema(linked_to: str | None) -> None:
    view = msgspec.structs.replace(VIEW, linked_to=linked_to)
    record = encoder().snapshot("default", "crm-10231", 3, DECIDED_AT, 3, 7, view, "b2b-default@1")
    assert json.loads(record.value or b"")["linked_to"] == linked_to
    valid(EventType.SNAPSHOT, json.loads(record.value or b""))
    valid("headers", headers_of(record))


@pytest.mark.parametrize("reason", list(Reason))
def test_headers_of_dead_letters_keep_their_schema(reason: Reason) -> None:
    poison = RuleError("a rule failed") if reason == "rule_error" else Poison(reason, "wrong")
    record = encoder().dead_letter(structured(event()), poison, DECIDED_AT)
    valid("dead-letter-headers", headers_of(record))


def test_reasons_and_headers_are_those_of_the_schema() -> None:
    properties = schema("dead-letter-headers")["properties"]
    assert properties["__dlq.errors.reason"]["enum"] == list(Reason)
    assert {name for name in properties if ".errors." in name} == set(DeadLetterHeader)


def test_every_event_type_has_a_schema() -> None:
    assert {path.stem for path in OUTPUTS.glob("funnel.*.json")} == set(EventType)
    assert schema("headers")["properties"]["ce_type"]["enum"] == sorted(EventType)


@pytest.mark.parametrize("path", sorted(OUTPUTS.glob("*.json")), ids=lambda path: path.stem)
def test_output_schema_is_valid(path: Any) -> None:
    jsonschema_rs.meta.validate(json.loads(path.read_bytes()))
