"""schemas/outputs/examples is what the encoders write, and for each type a broken one."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from app.outbound.headers import EventType
from tests.contract.output_examples import EXAMPLES, files
from tests.contract.test_output_schemas import schema, valid

FILES = files()


def test_every_type_has_an_example() -> None:
    assert {path.parent.name for path in FILES} == set(EventType)
    assert set(EXAMPLES.glob("*/*.json")) == set(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_example_is_what_is_written(path: Path) -> None:
    """Else: ``python -m tests.contract.output_examples``."""
    assert json.loads(path.read_bytes()) == FILES[path]


@pytest.mark.parametrize("type_", list(EventType))
def test_valid_and_invalid_examples_are_that(type_: EventType) -> None:
    example = FILES[EXAMPLES / type_ / "valid-1.json"]
    valid(type_, example["value"])
    valid("headers", example["headers"])
    broken = FILES[EXAMPLES / type_ / "invalid-1.json"]
    assert not jsonschema_rs.Draft202012Validator(schema(type_)).is_valid(broken["value"])
