"""Every example in schemas/examples goes through the real decoder."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from app.domain.interaction import Interaction
from app.domain.reasons import Reason
from app.domain.topics import Topic
from app.errors import Poison
from app.inbound.validation import INTERACTION_SCHEMAS, load_schemas
from app.models import load_rules, names
from tests.unit.inbound.events import COMMANDS, COMMANDS_ONLY, decoder, raw

EXAMPLES = INTERACTION_SCHEMAS.parent / "examples"
VALID = sorted(EXAMPLES.glob("*/valid-*.json"))
INVALID = sorted(EXAMPLES.glob("*/invalid-*.json"))

DECODE = decoder()


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_valid_example_is_accepted(path: Path) -> None:
    decoded = DECODE(raw(path.read_bytes(), topic=COMMANDS))
    assert isinstance(decoded, Interaction), decoded
    assert decoded.type == path.parent.name
    assert decoded.data == json.loads(path.read_bytes())["data"]


@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_invalid_example_breaks_its_schema(path: Path) -> None:
    decoded = DECODE(raw(path.read_bytes(), topic=COMMANDS))
    assert isinstance(decoded, Poison), decoded
    assert decoded.reason == Reason.SCHEMA_VIOLATION
    assert str(decoded).startswith("/data")


@pytest.mark.parametrize("type_", sorted(load_schemas()))
def test_every_type_has_examples_of_both_kinds(type_: str) -> None:
    kinds = {path.stem.partition("-")[0] for path in (EXAMPLES / type_).iterdir()}
    assert kinds == {"valid", "invalid"}


def test_every_example_belongs_to_a_type() -> None:
    of_types = {path.name for path in EXAMPLES.iterdir()} - {"imports"}
    assert of_types == set(load_schemas())


@pytest.mark.parametrize("type_", sorted(load_schemas()))
def test_schema_is_valid_and_names_its_type(type_: str) -> None:
    schema = load_schemas()[type_]
    jsonschema_rs.meta.validate(dict(schema))
    assert schema["$id"] == f"urn:funnel:interaction:{type_}"
    assert schema["title"] == f"data of {type_}"
    assert schema["description"]


def test_unknown_fields_are_kept_by_every_schema() -> None:
    assert not [name for name, schema in load_schemas().items() if "additionalProperties" in schema]


def test_topics_name_the_interaction_schemas() -> None:
    assert {Topic.INTERACTIONS, Topic.COMMANDS} == {
        Topic(path.stem)
        for path in (EXAMPLES.parent / "topics").glob("*.yaml")
        if "interactions/*" in path.read_text()
    }


@pytest.mark.parametrize("model", names())
def test_shipped_models_and_schemas_agree(model: str) -> None:
    rules, schemas = load_rules(model), load_schemas()
    assert set(rules.types) == set(schemas)
    for name, type_ in rules.types.items():
        assert set(schemas[name].get("required", ())) <= set(type_.requires), name
        assert type_.is_command == (name in COMMANDS_ONLY), name
