"""The envelope that schemas/inputs publishes is the one that the decoder takes."""

from typing import Any

import jsonschema_rs
import pytest

from app.contract.files import OPENAPI, SCHEMAS, read
from app.domain.interaction import Interaction
from app.errors import Poison
from app.inbound.event import ATTRIBUTES, Event
from app.inbound.limits import ATTRIBUTES_WITH_LENGTH
from app.settings import Limits
from tests.unit.inbound.events import binary, decoder, event, structured

ENVELOPE = read(SCHEMAS / "inputs" / "cloudevent.json")
HEADERS = read(SCHEMAS / "inputs" / "headers.json")
DECODE = decoder()
LONG = "x" * (Limits().id_max_chars + 1)
WRONG: list[dict[str, Any]] = [
    *({name: None} for name in ("id", "source", "type", "subject", "specversion")),
    *({name: ""} for name in ("id", "source", "subject")),
    *({name: LONG} for name in ATTRIBUTES_WITH_LENGTH),
    {"specversion": "0.3"},
    {"time": "yesterday"},
    {"tenantid": "a/b"},
    {"tenantid": "-a"},
    {"ingestmode": "import"},
]
RIGHT: list[dict[str, Any]] = [
    {},
    {"time": None},
    {"tenantid": "acme.eu-1"},
    {"ingestmode": "backfill", "automated": True, "channel": "fair", "campaignid": "spring"},
    {"datacontenttype": "application/json", "traceparent": "nonsense is passed over"},
    {"a": "an extension that nobody knows"},
]


def is_valid(schema: Any, instance: Any) -> bool:
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid(instance)


def headers_of(whole: dict[str, Any]) -> dict[str, str]:
    return {name: (value or b"").decode() for name, value in binary(whole).headers}


@pytest.mark.parametrize("changes", RIGHT, ids=str)
def test_what_the_envelope_allows_is_taken(changes: dict[str, Any]) -> None:
    whole = event(**changes)
    for record in (structured(whole), binary(whole)):
        assert isinstance(DECODE(record), Interaction)
    assert is_valid(ENVELOPE, whole)
    assert is_valid(HEADERS, headers_of(whole))


@pytest.mark.parametrize("changes", WRONG, ids=lambda changes: str(changes)[:40])
def test_what_the_envelope_forbids_is_a_dead_letter(changes: dict[str, Any]) -> None:
    whole = event(**changes)
    for record in (structured(whole), binary(whole)):
        assert isinstance(DECODE(record), Poison)
    assert not is_valid(ENVELOPE, whole)
    assert not is_valid(HEADERS, headers_of(whole))


def test_the_envelope_names_every_attribute_that_is_known() -> None:
    assert set(ENVELOPE["properties"]) == set(Event.__struct_fields__)
    of_headers = {name.removeprefix("ce_") for name in HEADERS["properties"]} - {"content-type"}
    assert of_headers <= set(ATTRIBUTES)
    assert {*ENVELOPE["required"]} - {"data"} <= of_headers


def _set(value: Any) -> Any:
    """Without null, which in the JSON format of CloudEvents says as much as nothing."""
    if not isinstance(value, list):
        return value
    rest = [each for each in value if each not in ("null", None)]
    return rest if None in value else rest[0]


def test_the_api_describes_the_same_envelope() -> None:
    body = read(SCHEMAS / OPENAPI)["paths"]["/v1/interactions"]["post"]["requestBody"]
    told = body["content"]["application/cloudevents+json"]["schema"]
    for name, schema in told["properties"].items():
        ours = {key: _set(value) for key, value in schema.items() if key != "description"}
        theirs = ENVELOPE["properties"][name]
        # Of the tenant the token says more.
        assert ours == {k: theirs.get(k) for k in ours} or name == "tenantid", name
