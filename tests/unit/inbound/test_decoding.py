"""What is accepted, in either mode, and what comes out."""

from typing import Any

import pytest

from app.domain.interaction import Interaction
from app.handling.records import SourceRecord
from app.settings import Limits
from tests.unit.inbound.events import (
    ARRIVED_MS,
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
from tests.unit.inbound.test_reasons import deep

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

FULL = event(
    tenantid="acme",
    ingestmode="backfill",
    automated=True,
    channel="web",
    campaignid="spring",
    traceparent=TRACE,
)


def accepted(record: SourceRecord, **kwargs: Any) -> Interaction:
    decoded = decoder(**kwargs)(record)
    assert isinstance(decoded, Interaction), decoded
    return decoded


EXPECTED = Interaction(
    tenant="acme",
    contact_id="crm-10231",
    source="https://shop.example/forms",
    id="e-1",
    type="demo.requested",
    time=1_772_442_845_000_000,
    arrived_at=ARRIVED_MS * 1000,
    data={"product_id": "analytics"},
    automated=True,
    is_backfill=True,
    channel="web",
    campaign_id="spring",
    traceparent=TRACE,
)


@pytest.mark.parametrize(
    "record",
    [
        structured(FULL),
        structured(FULL)._replace(headers=[]),
        structured(FULL | {"someextension": "1"}),
        structured(FULL)._replace(
            headers=[("Content-Type", b"application/CloudEvents+JSON; charset=UTF-8")]
        ),
        structured(FULL)._replace(headers=[("unrelated", b"\xff"), ("empty", None)]),
        structured({**FULL, "traceparent": None})._replace(
            headers=[("traceparent", TRACE.encode())]
        ),
        binary(FULL),
        binary(FULL | {"someextension": "1"}),
        binary(FULL)._replace(headers=[*binary(FULL).headers, ("ce_time", None)]),
    ],
    ids=[
        "structured",
        "without content-type",
        "with an extension",
        "parameters and letter case",
        "other headers",
        "trace in a header",
        "binary",
        "binary with an extension",
        "header without a value",
    ],
)
def test_every_mode_gives_the_same_interaction(record: SourceRecord) -> None:
    assert accepted(record) == EXPECTED


def test_optional_attributes_have_defaults() -> None:
    interaction = accepted(structured(event(time=None)))
    assert interaction.tenant == "default"
    assert interaction.time == interaction.arrived_at == ARRIVED_MS * 1000
    assert (interaction.automated, interaction.is_backfill) == (False, False)
    assert (interaction.channel, interaction.campaign_id) == (None, None)


@pytest.mark.parametrize("trace", ["", "00-1-2-3", "ff" + TRACE[2:], 5, "x" * 300])
def test_what_is_no_trace_is_ignored(trace: Any) -> None:
    assert accepted(structured(event(traceparent=trace))).traceparent is None


def test_unknown_fields_of_data_are_kept() -> None:
    data = {"product_id": "analytics", "seats": 20, "nested": {"é": [1.5, None, True]}}
    assert accepted(structured(event(data=data))).data == data


def test_numbers_beyond_64_bits_are_kept() -> None:
    value = structured(event(data={"product_id": "analytics", "n": 0})).value
    assert value is not None
    huge = b"9" * 40
    assert accepted(raw(value.replace(b'"n":0', b'"n":' + huge))).data["n"] == int(huge)


def test_of_repeated_members_the_last_counts() -> None:
    value = structured(event()).value
    assert value is not None
    assert accepted(raw(value[:-1] + b',"id":"e-2"}')).id == "e-2"


@pytest.mark.parametrize(
    "record",
    [
        structured(deep(16)),
        structured(event(data={"product_id": "analytics", "note": "é" * 4096})),
        structured(event(data={"product_id": "analytics", "notes": ["x" * 8000] * 8})),
        structured(event(id="é" * 256, source="s" * 256, subject="x" * 256)),
        structured(event(data={"product_id": "analytics", "note": "not \\u0000"})),
        structured(event(tenantid="T" * 63)),
    ],
    ids=["16 levels", "8 KiB string", "64,000 bytes", "256 characters", "backslash u", "tenant"],
)
def test_the_limits_themselves_are_allowed(record: SourceRecord) -> None:
    accepted(record)


def test_limits_are_settings() -> None:
    accepted(structured(event(id="i" * 257)), limits=Limits(id_max_chars=257))


@pytest.mark.parametrize("name", COMMANDS_ONLY)
def test_admin_types_pass_on_the_commands_topic(name: str) -> None:
    types = Types({name: Type(is_command=True)})
    accepted(structured(event(type=name, data={}), topic=COMMANDS), types=types, schemas={name: {}})


def test_unknown_types_pass_where_the_model_ignores_them() -> None:
    types = Types(ignores_unknown_types=True)
    assert accepted(structured(event(type="demo.refused")), types=types).type == "demo.refused"


def test_binary_event_without_a_value_has_no_data() -> None:
    types = Types({"badge.scanned": Type()})
    assert accepted(binary(event(type="badge.scanned", data=None)), types=types).data == {}
