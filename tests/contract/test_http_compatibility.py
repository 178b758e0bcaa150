"""Each way in which today's HTTP interface may break a client of the last release is noticed."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from app.contract.files import OPENAPI, SCHEMAS, read
from app.contract.http_compatibility import http_breaks

CONTACT, PUBLISH = "/v1/contacts/{contact_id}", "/v1/interactions"
Change = Callable[[Any], Any]


@pytest.fixture
def old() -> Any:
    return read(SCHEMAS / OPENAPI)


def operation(document: Any, path: str = CONTACT, method: str = "get") -> Any:
    return document["paths"][path][method]


def schema_of(document: Any) -> Any:
    """Of the contact that is answered."""
    answer = operation(document)["responses"]["200"]["content"]["application/json"]["schema"]
    return document["components"]["schemas"][answer["$ref"].rpartition("/")[2]]


def body(document: Any) -> Any:
    return operation(document, PUBLISH, "post")["requestBody"]["content"]


def event(document: Any) -> Any:
    return body(document)["application/json"]["schema"]


def parameter(document: Any, name: str = "as_of") -> Any:
    (found,) = [each for each in operation(document)["parameters"] if each["name"] == name]
    return found


def more(document: Any) -> None:
    """A field that every answer has from now on, a parameter and an operation."""
    found = schema_of(document)
    found["properties"]["mood"] = {"type": "string"}
    found["required"].append("mood")
    asked = {"name": "mood", "in": "query", "required": False, "schema": {"type": "string"}}
    operation(document)["parameters"].append(asked)
    document["paths"]["/v1/moods"] = {"get": operation(document)}
    event(document)["properties"]["mood"] = {"type": "string"}


HARMLESS: dict[str, Change] = {
    "nothing": lambda new: None,
    "more": more,
    "other words": lambda new: operation(new).update(summary="Another", description="Words"),
    "another error": lambda new: operation(new)["responses"].pop("504"),
    "longer ids": lambda new: event(new)["properties"]["id"].update(maxLength=512),
}
BREAKS: dict[str, tuple[Change, str]] = {
    "an operation": (lambda new: new["paths"].pop(CONTACT), f"GET {CONTACT}: is gone"),
    "its name": (lambda new: operation(new).update(operationId="x"), "operationId was"),
    "a parameter": (
        lambda new: operation(new)["parameters"].remove(parameter(new)),
        "parameter as_of: is gone",
    ),
    "a parameter that must be": (
        lambda new: parameter(new).update(required=True),
        "parameter as_of: is required now",
    ),
    "a stricter parameter": (
        lambda new: parameter(new)["schema"].update(maxLength=3),
        "parameter as_of: maxLength was",
    ),
    "a field of an answer": (
        lambda new: schema_of(new)["properties"].pop("stage"),
        "200/stage: is removed",
    ),
    "a field of an answer that may be absent": (
        lambda new: schema_of(new)["required"].remove("stage"),
        "200/stage: may be absent now",
    ),
    "the type of a field": (
        lambda new: schema_of(new)["properties"]["stage"].update(type="integer"),
        "200/properties/stage: type was",
    ),
    "an answer": (lambda new: operation(new)["responses"].pop("200"), "200: is not answered"),
    "the type of an answer": (
        lambda new: operation(new)["responses"]["200"]["content"].clear(),
        "200: is no application/json any more",
    ),
    "the type of a body": (
        lambda new: body(new).pop("application/cloudevents-batch+json"),
        "body: application/cloudevents-batch+json is not taken any more",
    ),
    "a stricter body": (
        lambda new: event(new)["required"].append("time"),
        "body/time: is required now",
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_a_harmless_change_breaks_no_client(old: Any, change: Change) -> None:
    new = copy.deepcopy(old)
    change(new)
    assert list(http_breaks(old, new)) == []


@pytest.mark.parametrize(("change", "told"), BREAKS.values(), ids=BREAKS)
def test_what_breaks_a_client_is_told(old: Any, change: Change, told: str) -> None:
    new = copy.deepcopy(old)
    change(new)
    assert [each for each in http_breaks(old, new) if told in each]
