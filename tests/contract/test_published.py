"""asyncapi.yaml and openapi.json are current, valid by their standards' own schemas, and whole."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from app.contract import checking
from app.contract.asyncapi import asyncapi
from app.contract.files import ASYNCAPI, OPENAPI, SCHEMAS, read, text_of
from app.contract.openapi import described
from app.domain.topics import Topic
from app.inbound.validation import load_schemas
from app.models import load_rules
from app.outbound.headers import EventType
from app.outbound.topics import load_definitions

KAFKA = ["channels", Topic.CONTACTS, "bindings", "kafka"]
ASYNCAPI_SCHEMA = Path(__file__).parent / "asyncapi" / "3.1.0.json"


@pytest.fixture(scope="module")
def published() -> Any:
    return read(SCHEMAS / ASYNCAPI)


@pytest.fixture(scope="module")
def valid() -> Any:
    return jsonschema_rs.Draft7Validator(json.loads(ASYNCAPI_SCHEMA.read_bytes()))


def test_asyncapi_is_current(published: Any) -> None:
    assert published == asyncapi(), "write it again with `funnel schemas write`"


async def test_openapi_is_current() -> None:
    current = await described()
    assert read(SCHEMAS / OPENAPI) == current, "write it again with `funnel schemas write`"


def test_openapi_is_valid() -> None:
    OpenAPIV31SpecValidator(read(SCHEMAS / OPENAPI)).validate()


def test_asyncapi_is_valid_by_its_published_schema(published: Any, valid: Any) -> None:
    assert [error.message for error in valid.iter_errors(published)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["asyncapi"], "3.0.0"),
        (["info", "title"], None),
        ([*KAFKA, "partitions"], 0),
        ([*KAFKA, "topicConfiguration"], {"cleanup.policy": "compact"}),
        (["operations", f"receive.{Topic.INTERACTIONS}", "action"], "reads"),
    ],
    ids=["version", "title", "partitions", "cleanup", "action"],
)
def test_a_broken_asyncapi_is_noticed(
    published: Any, valid: Any, path: list[str], value: Any
) -> None:
    broken = copy.deepcopy(published)
    place = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not valid.is_valid(broken)


def references(node: Any) -> set[str]:
    if isinstance(node, list):
        return {each for part in node for each in references(part)}
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return own | {each for part in node.values() for each in references(part)}


def test_every_reference_leads_somewhere(published: Any) -> None:
    found = references(published)
    assert any(ref.startswith("./") for ref in found)
    for ref in found:
        if ref.startswith("#/"):
            place = published
            for step in ref.removeprefix("#/").split("/"):
                place = place[step]
        else:
            assert read(SCHEMAS / ref)


def test_every_schema_is_published(published: Any) -> None:
    """But for those that are not about a record."""
    found = {ref for ref in references(published) if ref.startswith("./")}
    folders = ("interactions", "commands", "inputs", "outputs", "internal")
    there = {
        f"./{folder}/{path.name}"
        for folder in folders
        for path in (SCHEMAS / folder).glob("*.json")
    }
    assert found == there


def test_channels_are_the_topics_as_they_are_made(published: Any) -> None:
    assert set(published["channels"]) == set(Topic)
    for one in load_definitions():
        binding = published["channels"][one.name]["bindings"]["kafka"]
        assert binding["partitions"] == one.partitions
        told = {
            name: ",".join(value) if isinstance(value, list) else str(value)
            for name, value in binding["topicConfiguration"].items()
        }
        assert told == one.settings()


def test_what_people_decide_is_not_on_the_open_topic(published: Any) -> None:
    commands = {name for name, each in load_rules("b2b-default@1").types.items() if each.is_command}
    on_open = set(published["channels"][Topic.INTERACTIONS]["messages"])
    open_types = set(load_schemas()) - commands
    assert on_open == open_types | {f"{name}.binary" for name in open_types}
    assert commands <= set(published["channels"][Topic.COMMANDS]["messages"])


def test_every_event_type_is_a_message_of_its_topic(published: Any) -> None:
    for one in load_definitions():
        types = set(EventType) & set(one.events)
        assert types <= set(published["channels"][one.name]["messages"])


def test_examples_of_messages_fit_their_schemas(published: Any) -> None:
    shown = 0
    for message in published["components"]["messages"].values():
        for example in message.get("examples", ()):
            for part in ("payload", "headers"):
                if part in message and part in example:
                    whole(message[part]).validate(example[part])
                    shown += 1
    assert shown > 2 * len(load_schemas())


def whole(part: Any) -> jsonschema_rs.Draft202012Validator:
    def resolved(node: Any) -> Any:
        if isinstance(node, list):
            return [resolved(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return resolved({k: v for k, v in read(SCHEMAS / node["$ref"]).items() if k != "$id"})
        return {name: resolved(each) for name, each in node.items()}

    return jsonschema_rs.Draft202012Validator(resolved(part), validate_formats=True)


def test_what_is_written_is_read_back_the_same(published: Any, tmp_path: Path) -> None:
    for name, document in ((ASYNCAPI, published), (OPENAPI, read(SCHEMAS / OPENAPI))):
        (tmp_path / name).write_text(text_of(name, document), encoding="utf-8")
        assert read(tmp_path / name) == document


def test_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that `funnel schemas check` looks at, but for openapi.json, which has its own test."""
    monkeypatch.setattr(checking, "openapi", lambda: read(SCHEMAS / OPENAPI))
    assert list(checking.findings()) == []


def test_what_is_wrong_is_told_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "openapi", lambda: {"openapi": "3.1.0"})
    monkeypatch.setattr(checking, "Topic", {*Topic, "funnel.new.v1"})
    assert list(checking.findings()) == [
        "topics: funnel.new.v1 has no file",
        "openapi.json: is not what the code and the schemas say: write it again with"
        " `funnel schemas write`",
    ]
