"""Every reason a record can be refused for, and which one wins where several apply."""

from typing import Any

import pytest

from app.domain.reasons import Reason
from app.domain.topics import Topic
from app.errors import Poison
from app.handling.records import Decoded, SourceRecord
from tests.unit.inbound.events import (
    COMMANDS,
    COMMANDS_ONLY,
    Type,
    Types,
    binary,
    decoder,
    event,
    raw,
    structured,
)

FIRST_DECIDED_BY_DECODING = list(Reason)[:8]


def refusal(decoded: Decoded) -> tuple[str, str]:
    assert isinstance(decoded, Poison), decoded
    return decoded.reason, str(decoded)


def deep(levels: int) -> dict[str, Any]:
    """An event whose value is nested so deep, the event itself and `data` included."""
    data: dict[str, Any] = {"product_id": "analytics"}
    for _ in range(levels - 2):
        data = {"product_id": "analytics", "more": data}
    return event(data=data)


REFUSED: list[tuple[str, SourceRecord, Reason, str]] = [
    ("value of 64 KiB and 1 byte", raw(b" " * 65_537), Reason.TOO_LARGE, "value: larger than"),
    (
        "string of 8 KiB and 1 byte",
        structured(event(data={"product_id": "analytics", "note": "é" * 4096 + "x"})),
        Reason.TOO_LARGE,
        "a string in the value: larger than 8192 bytes",
    ),
    (
        "key of an object of 8 KiB and 1 byte",
        structured(event(data={"product_id": "analytics", "k" * 8193: 1})),
        Reason.TOO_LARGE,
        "a string in the value",
    ),
    ("17 levels", structured(deep(17)), Reason.TOO_LARGE, "deeper than 16"),
    ("30,000 levels", raw(b"[" * 30_000 + b"]" * 30_000), Reason.TOO_LARGE, "deeper than 16"),
    ("id of 257 characters", structured(event(id="i" * 257)), Reason.TOO_LARGE, "/id"),
    ("source of 257 characters", structured(event(source="s" * 257)), Reason.TOO_LARGE, "/source"),
    ("subject of 257 characters", structured(event(subject="s" * 257)), Reason.TOO_LARGE, "/sub"),
    ("channel of 257 characters", structured(event(channel="c" * 257)), Reason.TOO_LARGE, "/chan"),
    (
        "campaign of 257 characters",
        structured(event(campaignid="c" * 257)),
        Reason.TOO_LARGE,
        "/campaignid",
    ),
    (
        "header of 8 KiB and 1 byte",
        raw(b"{}", [("trace", b"x" * 8193)]),
        Reason.TOO_LARGE,
        "a header: larger than 8192 bytes",
    ),
    (
        "headers of more than 64 KiB together",
        raw(b"{}", [("trace", b"x" * 8000)] * 9),
        Reason.TOO_LARGE,
        "key and headers",
    ),
    ("key of 8 KiB and 1 byte", raw(b"{}", key=b"k" * 8193), Reason.TOO_LARGE, "key: larger"),
    ("no value", raw(None), Reason.UNDECODABLE, "value: there is none"),
    ("empty value", raw(b""), Reason.UNDECODABLE, "value: is not JSON"),
    ("no JSON", raw(b"\x00\x01avro"), Reason.UNDECODABLE, "value: is not JSON"),
    ("JSON cut short", raw(b'{"specversion":"1.0"'), Reason.UNDECODABLE, "truncated"),
    ("NaN", raw(b'{"specversion":NaN}'), Reason.UNDECODABLE, "value: is not JSON"),
    ("number out of range", raw(b'{"a":1e999}'), Reason.UNDECODABLE, "a number is out of range"),
    ("no UTF-8", raw(b'{"a":"\xff"}'), Reason.UNDECODABLE, "not UTF-8"),
    (
        "no UTF-8 in an attribute nobody reads",
        raw(structured(event()).value[:-1] + b',"extra":"\xff"}'),  # type: ignore[index]
        Reason.UNDECODABLE,
        "not UTF-8",
    ),
    (
        "lone surrogate",
        raw(b'{"specversion":"1.0","subject":"\\ud800"}'),
        Reason.UNDECODABLE,
        "value: is not JSON",
    ),
    (
        "no UTF-8 in a header",
        raw(b"{}", [("ce_specversion", b"1.0"), ("ce_subject", b"\xff")]),
        Reason.UNDECODABLE,
        "ce_subject: is not UTF-8",
    ),
    ("a number", raw(b"7"), Reason.NOT_A_CLOUDEVENT, "is JSON but no object"),
    ("an object of another kind", raw(b'{"a":1}'), Reason.NOT_A_CLOUDEVENT, "has no specversion"),
    (
        "a batch",
        raw(b"[]", [("content-type", b"application/cloudevents-batch+json")]),
        Reason.NOT_A_CLOUDEVENT,
        "content-type",
    ),
    (
        "plain JSON that says so",
        structured(event())._replace(headers=[("content-type", b"application/json")]),
        Reason.NOT_A_CLOUDEVENT,
        "there are no ce_ headers",
    ),
    (
        "version 0.3",
        structured(event(specversion="0.3")),
        Reason.NOT_A_CLOUDEVENT,
        "/specversion: only 1.0",
    ),
    *(
        (f"no {name}", structured(event(**{name: None})), Reason.MISSING_ATTRIBUTE, f"/{name}")
        for name in ("specversion", "id", "source", "type", "subject")
    ),
    *(
        (f"empty {name}", structured(event(**{name: ""})), Reason.MISSING_ATTRIBUTE, f"/{name}")
        for name in ("id", "source", "type", "subject")
    ),
    (
        "subject null",
        raw(structured(event(subject="?")).value.replace(b'"?"', b"null")),  # type: ignore[union-attr]
        Reason.MISSING_ATTRIBUTE,
        "/subject",
    ),
    ("no ce_id", binary(event(id=None)), Reason.MISSING_ATTRIBUTE, "/id"),
    ("unknown type", structured(event(type="demo.refused")), Reason.UNKNOWN_TYPE, "/type"),
    ("type is a list", structured(event(type=["demo.requested"])), Reason.UNKNOWN_TYPE, "/type"),
    *(
        (f"{name} from anyone", structured(event(type=name)), Reason.NOT_ALLOWED_HERE, "/type")
        for name in COMMANDS_ONLY
    ),
    ("id is a number", structured(event(id=5)), Reason.SCHEMA_VIOLATION, "/id: must be a string"),
    ("data is a list", structured(event(data=[])), Reason.SCHEMA_VIOLATION, "/data: must be an"),
    ("no data", structured(event(data=None)), Reason.SCHEMA_VIOLATION, "/data: product_id is req"),
    (
        "field of the wrong type",
        structured(event(data={"product_id": 7})),
        Reason.SCHEMA_VIOLATION,
        "/data/product_id: must be of type string",
    ),
    (
        "no time",
        structured(event(time="yesterday")),
        Reason.SCHEMA_VIOLATION,
        "/time: must be an RFC 3339 date-time",
    ),
    ("time is a number", structured(event(time=5)), Reason.SCHEMA_VIOLATION, "/time: must be a"),
    ("tenant with a slash", structured(event(tenantid="a/b")), Reason.SCHEMA_VIOLATION, "/tenant"),
    ("tenant empty", structured(event(tenantid="")), Reason.SCHEMA_VIOLATION, "/tenantid"),
    ("tenant of 64", structured(event(tenantid="t" * 64)), Reason.SCHEMA_VIOLATION, "/tenantid"),
    ("ingest mode", structured(event(ingestmode="fast")), Reason.SCHEMA_VIOLATION, "/ingestmode"),
    ("automated", structured(event(automated="true")), Reason.SCHEMA_VIOLATION, "/automated"),
    ("automated, binary", binary(event(automated="1")), Reason.SCHEMA_VIOLATION, "/automated"),
    ("channel", structured(event(channel=5)), Reason.SCHEMA_VIOLATION, "/channel: must be a"),
    ("U+0000", structured(event(subject="a\0b")), Reason.SCHEMA_VIOLATION, "U+0000"),
    ("U+0000 in a header", binary(event(subject="a\0b")), Reason.SCHEMA_VIOLATION, "U+0000"),
    (
        "U+0000 in data",
        structured(event(data={"product_id": "analytics", "note": "\0"})),
        Reason.SCHEMA_VIOLATION,
        "U+0000",
    ),
    (
        "five minutes and a moment ahead",
        structured(event(time="2026-03-02T09:19:05.412001Z")),
        Reason.TIME_OUT_OF_RANGE,
        "/time: too far ahead",
    ),
    (
        "last moment of 1999",
        structured(event(time="1999-12-31T23:59:59.999999Z")),
        Reason.TIME_OUT_OF_RANGE,
        "/time: before the year 2000",
    ),
    (
        "broker time of no use",
        structured(event(time=None), timestamp_ms=-1),
        Reason.TIME_OUT_OF_RANGE,
        "/time: before the year 2000",
    ),
    (
        "forwarded by no lane",
        structured(event(), topic=COMMANDS)._replace(headers=[("funnel-forwarded", b"a:b")]),
        Reason.NOT_ALLOWED_HERE,
        "header funnel-forwarded",
    ),
]


@pytest.mark.parametrize(
    ("record", "reason", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_refused_with_its_reason_and_place(
    record: SourceRecord, reason: Reason, message: str
) -> None:
    found, said = refusal(decoder()(record))
    assert found == reason
    assert message in said


@pytest.mark.parametrize("reason", FIRST_DECIDED_BY_DECODING)
def test_every_reason_of_decoding_is_reached(reason: Reason) -> None:
    assert reason in {row[2] for row in REFUSED}


FLAWS: list[tuple[Reason, dict[str, Any]]] = [
    (Reason.TOO_LARGE, {"id": "i" * 257}),
    (Reason.NOT_A_CLOUDEVENT, {"specversion": "0.3"}),
    (Reason.MISSING_ATTRIBUTE, {"subject": None}),
    (Reason.UNKNOWN_TYPE, {"type": "demo.refused"}),
    (Reason.NOT_ALLOWED_HERE, {"type": "stage.override"}),
    (Reason.SCHEMA_VIOLATION, {"data": {"product_id": 7}}),
    (Reason.TIME_OUT_OF_RANGE, {"time": "1999-01-01T00:00:00Z"}),
]


@pytest.mark.parametrize("first", range(len(FLAWS)), ids=[flaw[0] for flaw in FLAWS])
def test_first_reason_in_the_contracts_order_wins(first: int) -> None:
    flaws: dict[str, Any] = {}
    for _, flaw in reversed(FLAWS[first:]):
        flaws |= flaw
    assert refusal(decoder()(structured(event(**flaws))))[0] == FLAWS[first][0]


def test_too_large_comes_before_undecodable() -> None:
    assert refusal(decoder()(raw(b"\xff" * 65_537)))[0] == Reason.TOO_LARGE


def test_undecodable_comes_before_not_a_cloudevent() -> None:
    record = raw(b"\xff", [("content-type", b"application/avro")])
    assert refusal(decoder()(record))[0] == Reason.UNDECODABLE


SECRET = "ada@example.com"

LEAKS = [
    structured(event(data={"product_id": {SECRET: SECRET}})),
    structured(event(type="form.submitted", data={"form_id": "f", "fields": SECRET})),
    structured(event(type="newsletter.signed_up", data={"email": SECRET * 100})),
    structured(event(type=SECRET)),
    structured(event(tenantid=SECRET)),
    structured(event(time=SECRET)),
    structured(event(ingestmode=SECRET)),
    structured(event(specversion=SECRET)),
    structured(event(**{SECRET: "\0"})),
    raw(SECRET.encode()),
    raw(b"{}", [(f"ce_{SECRET}", b"\xff")]),
    raw(b"{}", [(SECRET, b"x" * 9000)]),
    raw(b"{}", [("content-type", SECRET.encode())]),
]


@pytest.mark.parametrize("record", LEAKS)
def test_messages_hold_nothing_of_the_record(record: SourceRecord) -> None:
    assert "ada" not in refusal(decoder()(record))[1]


def test_keys_the_schema_does_not_name_are_masked() -> None:
    decode = decoder(
        types=Types({"demo.requested": Type()}),
        schemas={"demo.requested": {"additionalProperties": {"type": "integer"}}},
    )
    said = refusal(decode(structured(event(data={SECRET: "x"}))))[1]
    assert said == "/data/*: must be of type integer"


def test_a_type_that_the_model_alone_knows_needs_what_the_model_says() -> None:
    types = Types({"badge.scanned": Type(requires=("badge",))})
    record = structured(event(type="badge.scanned", data={}))
    assert refusal(decoder(types=types)(record)) == (
        Reason.SCHEMA_VIOLATION,
        "/data: badge is required",
    )


@pytest.mark.parametrize(
    ("type_", "data", "said"),
    [
        ("contact.profiled", {}, "/data: must satisfy anyOf: Who the contact is, at least one of"),
        (
            "trial.started",
            {"product_id": "analytics", "trial_end": "2026-02-30"},
            "/data/trial_end: must satisfy anyOf: When the trial ends: a date",
        ),
        (
            "qualification.recorded",
            {"criterion": "need", "value": "maybe"},
            '/data/value: must satisfy enum ["met", "not_met", "unknown"]',
        ),
        (
            "meeting.held",
            {"with": ["a", ""], "product_id": "analytics"},
            "/data/with/1: must satisfy minLength 1",
        ),
    ],
)
def test_what_is_asked_for_is_said(type_: str, data: dict[str, Any], said: str) -> None:
    message = refusal(decoder()(structured(event(type=type_, data=data))))[1]
    assert message.startswith(said)


def test_admin_types_forwarded_from_the_interactions_topic_stay_refused() -> None:
    origin = f"{Topic.INTERACTIONS}:3:7:1772442845412".encode()
    record = structured(event(type="stage.override"), topic=COMMANDS)
    record = record._replace(headers=[*record.headers, ("funnel-forwarded", origin)])
    assert refusal(decoder()(record))[0] == Reason.NOT_ALLOWED_HERE


def test_a_bug_in_decoding_is_a_dead_letter_with_its_cause() -> None:
    poison = decoder()(raw(b"{}", topic=99))
    assert isinstance(poison, Poison)
    assert isinstance(poison.__cause__, IndexError)
