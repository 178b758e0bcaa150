"""Commands to the lane itself: every example in schemas/commands goes through the real decoder."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from app.api.activating import Asked, event_of
from app.domain.interaction import Interaction
from app.domain.reasons import Reason
from app.domain.rewriting import SNAPSHOT_REQUESTED
from app.errors import Poison
from app.handling.records import Activation
from app.inbound.validation import COMMAND_SCHEMAS, load_schemas
from tests.unit.inbound.events import COMMANDS, decoder, raw, structured

EXAMPLES = COMMAND_SCHEMAS / "examples"
DECODE = decoder()
COMMANDS_TO_THE_LANE = {"model.activated", SNAPSHOT_REQUESTED}


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/valid-*.json")), ids=name_of)
def test_valid_example_is_accepted(path: Path) -> None:
    decoded = DECODE(raw(path.read_bytes(), topic=COMMANDS))
    if path.parent.name == SNAPSHOT_REQUESTED:
        assert isinstance(decoded, Interaction), decoded
        assert decoded.type == SNAPSHOT_REQUESTED
        return
    assert isinstance(decoded, Activation), decoded
    assert decoded.model == json.loads(path.read_bytes())["data"]["model"]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/invalid-*.json")), ids=name_of)
def test_invalid_example_breaks_its_schema(path: Path) -> None:
    decoded = DECODE(raw(path.read_bytes(), topic=COMMANDS))
    assert isinstance(decoded, Poison), decoded
    assert decoded.reason == Reason.SCHEMA_VIOLATION


def test_every_command_has_a_schema_that_names_it_and_examples() -> None:
    schemas = load_schemas(COMMAND_SCHEMAS)
    assert {path.name for path in EXAMPLES.iterdir()} == schemas.keys() == COMMANDS_TO_THE_LANE
    for name, schema in schemas.items():
        jsonschema_rs.meta.validate(dict(schema))
        assert schema["$id"] == f"urn:funnel:command:{name}"


def test_what_the_command_sends_is_what_the_lane_takes() -> None:
    asked = Asked(
        "id-1", "acme", "profile-first@1", "a" * 64, "forward", 1_790_000_000_123_456, 0, True
    )
    decoded = DECODE(
        structured(event_of(asked, "ops", "/funnel/api", asked.active_from), topic=COMMANDS)
    )
    assert decoded == Activation(
        "acme", "id-1", "profile-first@1", "a" * 64, "forward", asked.active_from, "ops"
    )
