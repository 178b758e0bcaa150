"""Today's schemas keep what the last release promised; and each way not to do so is noticed."""

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.contract.compatibility import Schema, input_breaks, output_breaks
from app.contract.files import SCHEMAS
from app.contract.released import RELEASED, breaks, freeze, topic_breaks, versions
from app.errors import FunnelError

Change = Callable[[Any], Any]

OLD: Schema = {
    "title": "data",
    "type": "object",
    "required": ["stage", "cause"],
    "properties": {
        "stage": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 20},
        "owner": {"type": ["string", "null"]},
        "kind": {"enum": ["a", "b"]},
        "fit": {"type": "number", "minimum": 0, "maximum": 100},
        "n": {"type": "integer"},
        "cause": {
            "type": "object",
            "required": ["event_id"],
            "properties": {"event_id": {"type": "string"}, "actor": {"type": "string"}},
        },
        "guards": {
            "type": "array",
            "items": {"type": "object", "properties": {"guard": {"type": "string"}}},
        },
    },
}


def after(change: Change) -> Schema:
    new = copy.deepcopy(dict(OLD))
    change(new)
    return new


def put(*path: Any) -> Change:
    """The last of `path` at the place that the others name."""
    *steps, name, value = path

    def change(new: Any) -> None:
        for step in steps:
            new = new[step]
        new[name] = value

    return change


def drop(*path: str) -> Change:
    *steps, name = path

    def change(new: Any) -> None:
        for step in steps:
            new = new[step]
        del new[name]

    return change


HARMLESS = {
    "nothing": lambda new: None,
    "words for people": put("properties", "stage", "description", "Where it is"),
    "an optional field": put("properties", "mood", {"type": "string"}),
    "an optional field inside": put("properties", "cause", "properties", "n", {"type": "integer"}),
    "an optional field of items": put("properties", "guards", "items", "properties", "x", {}),
    "another order": put("required", ["cause", "stage"]),
}
BREAKS_BOTH = {
    "retyped": (put("properties", "stage", "type", "integer"), "/properties/stage: type was"),
    "retyped inside": (
        put("properties", "cause", "properties", "event_id", "type", "integer"),
        "/properties/cause/properties/event_id: type was 'string', is 'integer'",
    ),
    "retyped in items": (
        put("properties", "guards", "items", "properties", "guard", "type", "integer"),
        "/properties/guards/items/properties/guard: type was",
    ),
    "null is not allowed any more": (put("properties", "owner", "type", "string"), "type was"),
    "a value is gone": (put("properties", "kind", "enum", ["a"]), "enum was"),
    "another pattern": (put("properties", "stage", "pattern", "^x"), "pattern was"),
    "a new pattern": (put("properties", "cause", "properties", "actor", "pattern", "x"), "pattern"),
    "newly required": (put("required", ["stage", "cause", "owner"]), "/owner: is required now"),
    "a new field that is required": (
        lambda new: (
            put("properties", "x", {})(new),
            put("required", ["stage", "cause", "x"])(new),
        ),
        "/x: is required now",
    ),
    "newly required inside": (
        put("properties", "cause", "required", ["event_id", "actor"]),
        "/properties/cause/actor: is required now",
    ),
    "shorter": (put("properties", "stage", "maxLength", 10), "maxLength was 20, is 10"),
    "a higher minimum": (put("properties", "fit", "minimum", 1), "minimum was 0, is 1"),
    "closed": (put("additionalProperties", False), "additionalProperties was not said"),
    "a condition": (put("anyOf", [{"required": ["owner"]}]), "anyOf was not said"),
}  # fmt: skip
BREAKS_READERS = {
    "removed": (drop("properties", "owner"), "/owner: is removed"),
    "removed inside": (
        drop("properties", "cause", "properties", "actor"), "/properties/cause/actor: is removed",
    ),
    "removed from items": (
        put("properties", "guards", "items", "properties", {}), "items/guard: is removed",
    ),
    "optional now": (put("required", ["stage"]), "/cause: may be absent now"),
    "may be null now": (put("properties", "stage", "type", ["string", "null"]), "type was"),
    "a value more": (put("properties", "kind", "enum", ["a", "b", "c"]), "enum was"),
    "longer": (put("properties", "stage", "maxLength", 30), "maxLength was"),
    "no pattern": (drop("properties", "stage", "pattern"), "pattern was"),
    "less than before": (put("properties", "fit", "minimum", -1), "minimum was"),
}  # fmt: skip


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_a_harmless_change_breaks_nobody(change: Change) -> None:
    assert list(output_breaks(OLD, after(change))) == []
    assert list(input_breaks(OLD, after(change))) == []


@pytest.mark.parametrize(("change", "told"), BREAKS_BOTH.values(), ids=BREAKS_BOTH)
def test_what_breaks_readers_and_producers_is_told(change: Change, told: str) -> None:
    for rules in (output_breaks, input_breaks):
        assert [each for each in rules(OLD, after(change)) if told in each]


@pytest.mark.parametrize(("change", "told"), BREAKS_READERS.values(), ids=BREAKS_READERS)
def test_what_breaks_readers_only_is_told_of_outputs_only(change: Change, told: str) -> None:
    assert [each for each in output_breaks(OLD, after(change)) if told in each]
    assert list(input_breaks(OLD, after(change))) == []


NESTED: dict[str, Any] = {
    "oneOf": [{"type": "null"}, {"type": "object", "properties": {"a": {"type": "string"}}}],
    "additionalProperties": {"type": "object", "properties": {"a": {"type": "string"}}},
}


@pytest.mark.parametrize("inside", [("oneOf", 1), ("additionalProperties",)], ids=str)
def test_schemas_inside_are_compared_one_by_one(inside: tuple[Any, ...]) -> None:
    for rules in (input_breaks, output_breaks):
        new = copy.deepcopy(NESTED)
        put(*inside, "properties", "b", {})(new)
        assert list(rules(NESTED, new)) == []
        put(*inside, "properties", "a", "type", "integer")(new)
        assert len(list(rules(NESTED, new))) == 1
    fewer = {**NESTED, "oneOf": NESTED["oneOf"][:1]}
    assert list(output_breaks(NESTED, fewer))


def test_a_number_may_be_taken_where_an_integer_was_asked_for() -> None:
    assert list(input_breaks(OLD, after(put("properties", "n", "type", "number")))) == []


def test_event_types_may_be_added_to_the_headers() -> None:
    old = {"properties": {"ce_type": {"enum": ["a"]}, "other": {"enum": ["a"]}}}
    more = {"enum": ["a", "b"]}
    grown = {"properties": {"ce_type": more, "other": {"enum": ["a"]}}}
    assert list(output_breaks(old, grown)) == []
    assert list(output_breaks(grown, old))
    assert list(output_breaks(old, {"properties": {"ce_type": more, "other": more}}))


TOPIC = {
    "partitions": 12,
    "key": "contact key",
    "config": {
        "cleanup.policy": "delete",
        "retention.ms": 1000,
        "message.timestamp.type": "CreateTime",
    },
    "events": ["a", "b"],
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (put("partitions", 24), "partitions was 12, is 24"),
        (put("key", "account id"), "key was"),
        (put("config", "cleanup.policy", "compact"), "cleanup.policy was"),
        (put("config", "message.timestamp.type", "LogAppendTime"), "message.timestamp.type was"),
        (put("config", "retention.ms", 999), "retention.ms was 1000, is 999"),
        (drop("config", "retention.ms"), "retention.ms was 1000, is not set"),
        (put("events", ["a"]), "carries b no more"),
    ],
)
def test_a_topic_keeps_what_others_count_on(change: Change, told: str) -> None:
    new = copy.deepcopy(TOPIC)
    change(new)
    assert [each for each in topic_breaks(TOPIC, new) if told in each]


def test_a_topic_may_keep_more_and_carry_more() -> None:
    new = copy.deepcopy(TOPIC)
    put("config", "retention.ms", 2000)(new)
    put("events", ["a", "b", "c"])(new)
    assert list(topic_breaks(TOPIC, new)) == []


def test_todays_schemas_keep_what_the_last_release_promised() -> None:
    assert versions()
    assert list(breaks(RELEASED / versions()[-1])) == []


@pytest.fixture
def today(tmp_path: Path) -> Path:
    """Today's schemas, to be broken."""
    return Path(shutil.copytree(SCHEMAS, tmp_path / "schemas"))


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ("interactions/demo.requested.json", "interactions/demo.requested.json: is gone"),
        ("outputs/funnel.contact.snapshot.v1.json", "snapshot.v1.json: is gone"),
        ("commands/model.activated.json", "commands/model.activated.json: is gone"),
        ("topics/funnel.signals.v1.yaml", "topics/funnel.signals.v1.yaml: the topic is gone"),
    ],
)
def test_what_is_gone_is_told(today: Path, gone: str, told: str) -> None:
    (today / gone).unlink()
    (found,) = breaks(RELEASED / versions()[-1], today)
    assert told in found


def test_a_change_of_a_real_schema_is_told_with_its_place(today: Path) -> None:
    file = today / "outputs" / "funnel.contact.became_opportunity.v1.json"
    file.write_text(file.read_text().replace('"is_customer"', '"customer"'))
    found = list(breaks(RELEASED / versions()[-1], today))
    place = "outputs/funnel.contact.became_opportunity.v1.json"
    assert f"{place}/is_customer: is removed" in found


def test_a_release_is_frozen_once(tmp_path: Path) -> None:
    place = freeze("0.9.0", tmp_path)
    assert list(breaks(place)) == []
    assert not list(place.rglob("valid-*.json"))
    freeze("0.10.0", tmp_path)
    assert versions(tmp_path) == ["0.9.0", "0.10.0"]
    with pytest.raises(FunnelError, match="never changes"):
        freeze("0.9.0", tmp_path)
    with pytest.raises(FunnelError, match="is no version"):
        freeze("next", tmp_path)
