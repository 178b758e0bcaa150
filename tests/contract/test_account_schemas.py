"""What is written about accounts, and what contacts tell them, is what the schemas say."""

import json
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from app.domain.account import AccountChange, AccountHandoff, AccountInput, Member
from app.domain.account_rules import COMMITTEE
from app.domain.changes import Cause
from app.domain.reasons import Reason
from app.domain.routing import home_partition
from app.domain.topics import ACCOUNT_LANE_INPUTS, Topic
from app.errors import Poison
from app.handling.records import OutputRecord, SourceRecord
from app.inbound.account_inputs import make_account_decoder
from app.inbound.validation import INTERACTION_SCHEMAS
from app.outbound.account_encoding import make_account_encoder
from app.outbound.headers import EventType, Header
from app.settings import Limits
from tests.contract.test_output_schemas import headers_of, valid
from tests.unit.domain.accounts import ACCOUNT, Account, word
from tests.unit.outbound.decisions import DECIDED_AT, encoder

INTERNAL = INTERACTION_SCHEMAS.parent / "internal" / "account-input.json"
PARTITIONS = 12
ENCODER = make_account_encoder("funnel-accounts", ACCOUNT_LANE_INPUTS, PARTITIONS)
CONTACTS = encoder(PARTITIONS)
DECODE = make_account_decoder(Limits(), PARTITIONS)


def changes() -> list[AccountChange]:
    """To prospect, to opportunity with a hand-off, and back, where it is withdrawn."""
    return Account(
        word("ann", stage="opportunity"),
        word("bob", stage="prospect", is_decision_maker=True),
        word("ann", 2, stage="recycled"),
        hands_off=True,
    ).changes


def records(change: AccountChange) -> dict[str, OutputRecord]:
    made = ENCODER.change("default", ACCOUNT, 3, DECIDED_AT, change)
    return {(dict(record.headers)[Header.TYPE] or b"").decode(): record for record in made}


@pytest.mark.parametrize(
    ("seq", "types"),
    [
        (1, {EventType.ACCOUNT_STAGE_CHANGED}),
        (2, {EventType.ACCOUNT_STAGE_CHANGED, EventType.ACCOUNT_HANDOFF_REQUESTED}),
        (3, {EventType.ACCOUNT_STAGE_CHANGED, EventType.ACCOUNT_HANDOFF_WITHDRAWN}),
    ],
)
def test_records_about_accounts_keep_their_schema(seq: int, types: set[EventType]) -> None:
    told = records(changes()[seq - 1])
    assert set(told) == types
    for type_, record in told.items():
        assert (record.topic, record.key, record.partition) == (Topic.ACCOUNTS, ACCOUNT.encode(), 3)
        valid(type_, json.loads(record.value or b""))
        valid("headers", headers_of(record))


def test_a_handoff_names_the_transition_it_was_requested_for() -> None:
    _, entered, left = changes()
    requested = records(entered)[EventType.ACCOUNT_HANDOFF_REQUESTED]
    withdrawn = records(left)[EventType.ACCOUNT_HANDOFF_WITHDRAWN]
    assert left.handoff == AccountHandoff("withdrawn", entered.transition_id)
    for record in (requested, withdrawn):
        assert json.loads(record.value or b"")["transition_id"] == entered.transition_id


def test_the_same_decision_has_the_same_bytes_on_every_replay() -> None:
    ids = [
        headers_of(record)[Header.ID]
        for change in (*changes(), *changes())
        for record in records(change).values()
    ]
    assert ids[:5] == ids[5:]
    assert len(set(ids)) == 5


def test_the_schema_names_every_role_that_may_be_missing() -> None:
    path = INTERACTION_SCHEMAS.parent / "outputs" / f"{EventType.ACCOUNT_STAGE_CHANGED}.json"
    roles = json.loads(path.read_bytes())["properties"]["missing_roles"]["items"]["enum"]
    assert roles == list(COMMITTEE)


def test_every_account_event_is_encoded_here() -> None:
    told = {type_ for change in changes() for type_ in records(change)}
    assert told == {type_ for type_ in EventType if type_.startswith("funnel.account.")}


TOLD = msgspec.structs.replace(word("ann", 7, has_intent=True), traceparent="00-trace")


def source(told: AccountInput | None = TOLD, **fields: Any) -> SourceRecord:
    """A word as it stands on the topic; `value` instead of what it is, `data` over its fields."""
    record = CONTACTS.account_input(told or TOLD)
    data = {**json.loads(record.value or b""), **fields.pop("data", {})}
    value = fields.pop("value", json.dumps(data).encode())
    partition = fields.pop("partition", record.partition)
    return SourceRecord(0, partition, 5, 1, record.key, value, ())


def test_an_input_keeps_the_internal_schema_on_its_accounts_home_partition() -> None:
    record = CONTACTS.account_input(TOLD)
    assert (record.topic, record.key) == (Topic.ACCOUNT_INPUTS, ACCOUNT.encode())
    assert record.partition == home_partition(ACCOUNT, PARTITIONS)
    schema = json.loads(INTERNAL.read_bytes())
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(
        json.loads(record.value or b"")
    )
    assert set(json.loads(record.value or b"")) == set(schema["properties"])


@pytest.mark.parametrize(
    "told",
    [
        TOLD,
        msgspec.structs.replace(
            TOLD, tenant="acme", cause=Cause("timer:opp_stale", "/funnel", "t")
        ),
        msgspec.structs.replace(TOLD, member=Member(9, 0, "erased", left=True)),
    ],
    ids=["a contact", "of a tenant, by a timer", "erased"],
)
def test_what_was_written_is_read_back(told: AccountInput) -> None:
    record = CONTACTS.account_input(told)
    read = DECODE(SourceRecord(0, record.partition, 5, 1, record.key, record.value, ()))
    assert read == told


def test_unknown_fields_of_a_newer_release_are_passed_over() -> None:
    assert DECODE(source(data={"mood": "fine"})) == TOLD


@pytest.mark.parametrize(
    ("record", "reason", "message"),
    [
        (source(value=None), Reason.UNDECODABLE, "is missing"),
        (source(value=b"{"), Reason.UNDECODABLE, "no JSON"),
        (source(value=b"\xff"), Reason.UNDECODABLE, "no JSON"),
        (source(value=b"[]"), Reason.SCHEMA_VIOLATION, "Expected `object`"),
        (source(value=b'{"mood":' + b"[" * 20_000), Reason.TOO_LARGE, "nested"),
        (source(value=b" " * 70_000), Reason.TOO_LARGE, "larger than"),
        (source(data={"account_id": ""}), Reason.SCHEMA_VIOLATION, "$.account_id"),
        (source(data={"contact_id": "a\0b"}), Reason.SCHEMA_VIOLATION, "$.contact_id"),
        (source(data={"contact_version": -1}), Reason.SCHEMA_VIOLATION, "$.contact_version"),
        (source(data={"contact_version": 2**31}), Reason.SCHEMA_VIOLATION, "$.contact_version"),
        (source(data={"left": "no"}), Reason.SCHEMA_VIOLATION, "$.left"),
        (source(data={"effective_at": "soon"}), Reason.SCHEMA_VIOLATION, "$.effective_at"),
        (source(data={"account_id": "other.example"}), Reason.NOT_ALLOWED_HERE, "home is"),
    ],
)  # fmt: skip
def test_what_no_lane_wrote_is_refused_with_a_reason(
    record: SourceRecord, reason: Reason, message: str
) -> None:
    poison = DECODE(record)
    assert isinstance(poison, Poison), poison
    assert poison.reason == reason
    assert message in str(poison)


def test_a_refused_input_is_a_dead_letter_like_any_other() -> None:
    record = source(value=b"{")
    poison = DECODE(record)
    assert isinstance(poison, Poison)
    letter = ENCODER.dead_letter(record, poison, DECIDED_AT)
    valid("dead-letter-headers", headers_of(letter))
    assert (letter.topic, letter.value) == (Topic.DEAD_LETTERS, b"{")
    assert headers_of(letter)["__dlq.errors.topic"] == Topic.ACCOUNT_INPUTS
