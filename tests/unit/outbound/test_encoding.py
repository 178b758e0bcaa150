"""What is published for a decision, to the letter."""

import json
from typing import Any

import msgspec
import pytest

from app.domain.changes import Change
from app.domain.topics import Topic
from app.handling.records import OutputRecord
from tests.unit.outbound.decisions import CHANGE, DECIDED_AT, SIGNAL, VIEW, change, encoder, signal

MODEL = "b2b-default@1"


def published(
    decided: Change, tenant: str = "default", contact_id: str = "crm-10231"
) -> list[OutputRecord]:
    return encoder().change(tenant, contact_id, 3, DECIDED_AT, decided)


def data_of(record: OutputRecord) -> Any:
    return json.loads(record.value or b"")


def headers_of(record: OutputRecord) -> dict[str, bytes | None]:
    return dict(record.headers)


def test_stage_change_is_as_the_contract_shows_it() -> None:
    expected = (
        '{"transition_id":"0123456789abcdef0123456789abcdef","tenant":"default",'
        '"contact_id":"crm-10231","seq":3,"cycle":1,"from_stage":"prospect",'
        '"to_stage":"opportunity","stage":"opportunity","effective_at":"2026-03-02T09:14:05Z",'
        '"decided_at":"2026-03-02T09:14:05.412Z","late":false,"model":"b2b-default@1",'
        '"transition":"T3","cause":{"event_id":"5b1f","source":"https://shop.example/forms",'
        '"type":"demo.requested","inferred":false,"actor":null},"guards":[{"guard":'
        '"intent_active","passed":true,"observed":"demo.requested 0 d ago","required":"<= 90 d"}],'
        '"evidence":["5b1f"],"qualification":{"organisation":"met","opportunity":"unknown",'
        '"stakeholder":"unknown"},"facets":{"engagement":"strong","qualification":"high",'
        '"in_pipeline":true,"has_offer":false},"temperature":"hot","fit":50,"engagement":61.3,'
        '"priority":55.65,"owner_team":"sales","owner":null,"is_customer":false,'
        '"account_id":null,"first_touch":{"channel":"webinar","campaign_id":"spring"},'
        '"last_touch":{"channel":"web","campaign_id":null},"revokes":null}'
    )
    assert published(CHANGE)[0].value == expected.encode()


def test_headers_are_the_attributes_of_a_cloudevent() -> None:
    headers = headers_of(published(change(traceparent="00-1-2-3"))[0])
    assert len(headers.pop("ce_id") or b"") == 32
    assert headers == {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_type": b"funnel.contact.stage_changed.v1",
        "ce_source": b"/funnel",
        "ce_subject": b"crm-10231",
        "ce_time": b"2026-03-02T09:14:05.412Z",
        "ce_sequence": b"00000000000000000003",
        "ce_tenantid": b"default",
        "ce_causationid": b"5b1f",
        "traceparent": b"00-1-2-3",
    }


@pytest.mark.parametrize(
    ("kind", "opportunity", "expected"),
    [
        ("changed", None, ["stage_changed"]),
        ("revoked", None, ["stage_revoked"]),
        ("corrected", None, ["history_corrected"]),
        ("changed", "became", ["stage_changed", "became_opportunity"]),
        ("changed", "closed", ["stage_changed", "opportunity_closed"]),
        ("revoked", "revoked", ["stage_revoked", "opportunity_revoked"]),
    ],
)
def test_which_records_a_change_makes(
    kind: str, opportunity: str | None, expected: list[str]
) -> None:
    records = published(change(kind=kind, opportunity=opportunity))
    assert [headers_of(record)["ce_type"] for record in records] == [
        f"funnel.contact.{name}.v1".encode() for name in expected
    ]
    assert [record.topic for record in records] == [Topic.STAGE_CHANGES, Topic.OPPORTUNITIES][
        : len(records)
    ]


def test_only_a_closed_opportunity_has_an_outcome() -> None:
    moved, closed = published(change(opportunity="closed", outcome="won"))
    assert "outcome" not in data_of(moved)
    assert data_of(closed) == data_of(moved) | {"outcome": "won"}


@pytest.mark.parametrize(
    ("tenant", "contact_id", "key"),
    [
        ("default", "crm-1", b"crm-1"),
        ("default", "a/b", b"default/a/b"),
        ("acme", "crm-1", b"acme/crm-1"),
        ("default", "ünïcode\n", "ünïcode\n".encode()),
    ],
)
def test_key_is_the_routing_key_and_subject_the_contact_key(
    tenant: str, contact_id: str, key: bytes
) -> None:
    for record in published(CHANGE, tenant, contact_id):
        assert (record.key, record.partition) == (key, 3)
        assert headers_of(record)["ce_subject"] == contact_id.encode()


def ids(decided: Change) -> list[bytes | None]:
    return [headers_of(record)["ce_id"] for record in published(decided)]


def test_ids_are_the_same_on_every_replay() -> None:
    pinned = [b"e6e0b96f5891acf657a9bea1a50be177", b"573b93c06e0a69a2e9b0187edbee0ba4"]
    assert ids(CHANGE) == pinned
    assert ids(change(late=True, evidence=("other",), effective_at=1, seq=9)) == pinned


@pytest.mark.parametrize(
    "other", [{"revision": 1}, {"transition_id": "f" * 32}, {"kind": "revoked"}]
)
def test_ids_differ_by_type_transition_and_revision(other: dict[str, Any]) -> None:
    assert ids(change(**other))[0] != ids(CHANGE)[0]


def test_every_record_of_a_change_has_its_own_id_and_headers() -> None:
    first, second = published(CHANGE)
    assert headers_of(first)["ce_id"] != headers_of(second)["ce_id"]
    first.headers.append(("funnel-batch", b"contacts/3/1"))
    assert "funnel-batch" not in headers_of(second)


def test_snapshot_is_the_view_with_its_identity() -> None:
    record = encoder().snapshot("acme", "crm-1", 3, DECIDED_AT, 3, 7, VIEW, MODEL)
    assert (record.topic, record.partition, record.key) == (Topic.CONTACTS, 3, b"acme/crm-1")
    data = data_of(record)
    assert {name: data[name] for name in list(data)[:8]} == {
        "tenant": "acme",
        "contact_id": "crm-1",
        "seq": 3,
        "version": 7,
        "at": "2026-03-02T09:14:05.412Z",
        "model": "b2b-default@1",
        "cycle": 1,
        "stage": "opportunity",
    }
    assert data.pop("qualification_needed") is False
    assert data.pop("linked_to") is None
    shared = data_of(published(CHANGE)[0])
    assert {name: shared[name] for name in list(data)[8:]} == {
        name: data[name] for name in list(data)[8:]
    }


def test_a_correction_that_tells_sales_again_has_an_id_of_its_own() -> None:
    first = published(msgspec.structs.replace(CHANGE, opportunity="closed"))[1]
    again = published(
        msgspec.structs.replace(CHANGE, kind="corrected", opportunity="closed", seq=9)
    )[1]
    assert headers_of(first)["ce_id"] != headers_of(again)["ce_id"]


def test_each_version_of_a_snapshot_has_its_own_id() -> None:
    made = encoder()
    versions = [
        made.snapshot("t", "c", 3, DECIDED_AT, 3, version, VIEW, MODEL) for version in (7, 8)
    ]
    again = made.snapshot("t", "c", 3, DECIDED_AT + 1, 4, 7, VIEW, MODEL)
    first, second = (headers_of(record)["ce_id"] for record in versions)
    assert first != second
    assert headers_of(again)["ce_id"] == first


@pytest.mark.parametrize(
    ("thousandths", "shown"),
    [
        (0, "0"),
        (50_000, "50"),
        (61_300, "61.3"),
        (55_655, "55.655"),
        (1, "0.001"),
        (-50_000, "-50"),
    ],
)
def test_scores_are_numbers_with_at_most_three_decimals(thousandths: int, shown: str) -> None:
    view = msgspec.structs.replace(VIEW, engagement=thousandths)
    value = encoder().snapshot("t", "c", 3, DECIDED_AT, 3, 7, view, MODEL).value or b""
    assert f'"engagement":{shown},'.encode() in value


def test_a_signal_is_told_as_a_stage_change_with_nulls_and_what_its_kind_adds() -> None:
    record = encoder().signal("default", "crm-10231", 3, DECIDED_AT, SIGNAL)
    told, like = data_of(record), data_of(published(CHANGE)[0])
    assert list(told) == [*like, "track"]
    nothing = {"transition_id", "transition", "from_stage", "to_stage", "revokes"}
    assert {name for name in told if told[name] is None} == nothing | {"owner", "account_id"}
    assert (told["guards"], told["evidence"], told["track"]) == ([], [], "convince")
    assert (told["stage"], told["seq"], told["effective_at"]) == (
        "opportunity",
        3,
        "2026-03-02T09:14:05Z",
    )
    headers = headers_of(record)
    assert headers["ce_causationid"] == b"timer:prospect_idle"
    assert headers["ce_sequence"] == b"%020d" % 3


@pytest.mark.parametrize(
    ("kind", "topic"),
    [
        ("handoff_requested", Topic.OPPORTUNITIES),
        ("handoff_withdrawn", Topic.OPPORTUNITIES),
        ("sla_breached", Topic.SIGNALS),
        ("temperature_changed", Topic.SIGNALS),
    ],
)
def test_hand_offs_go_where_sales_reads_other_signals_to_their_own_topic(
    kind: str, topic: Topic
) -> None:
    assert encoder().signal("default", "c", 3, DECIDED_AT, signal(kind=kind)).topic == topic


def test_the_id_of_a_signal_depends_on_what_it_tells_only() -> None:
    def id_of(at: int = DECIDED_AT, contact_id: str = "c", **changes: Any) -> bytes | None:
        record = encoder().signal("default", contact_id, 3, at, signal(**changes))
        return headers_of(record)["ce_id"]

    assert id_of() == id_of(at=DECIDED_AT + 7) == id_of(seq=9, effective_at=1)
    others = [id_of(key="other"), id_of(contact_id="d"), id_of(kind="sla_breached")]
    assert len({id_of(), *others}) == 4
