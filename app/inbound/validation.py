"""`data` against the JSON Schema of its type. Messages say where and what, never a value."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs

from app.domain.reasons import Reason
from app.errors import Poison

Schema = Mapping[str, Any]
INTERACTION_SCHEMAS = Path(__file__).resolve().parents[2] / "schemas" / "interactions"
COMMAND_SCHEMAS = INTERACTION_SCHEMAS.parent / "commands"
"""Of what is no interaction: commands to the lane itself."""


class DataCheck:
    """Compiled schema of one type. `is_valid` is the fast question, `explain` the slow answer."""

    def __init__(self, schema: Schema, requires: Sequence[str]) -> None:
        """`requires`: fields that the model asks for on top of what the schema does."""
        required = {*schema.get("required", ()), *requires}
        whole = {**schema, "required": sorted(required)}
        validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        self.is_valid: Callable[[Any], bool] = validator.is_valid
        self._errors = validator.iter_errors
        self._schema = whole
        self._names = frozenset(property_names(schema)) | required

    def explain(self, data: Any) -> Poison:
        error = next(iter(self._errors(data)))
        steps = [step if self._is_safe(step) else "*" for step in error.instance_path]
        where = "/".join(["/data", *map(str, steps)])
        return Poison(Reason.SCHEMA_VIOLATION, f"{where}: {_rule(error, self._schema)}")

    def _is_safe(self, step: str | int) -> bool:
        """A key that the schema does not name may itself be personal data."""
        return isinstance(step, int) or step in self._names


def load_schemas(folder: Path = INTERACTION_SCHEMAS) -> dict[str, Schema]:
    """Every schema shipped with the service, by interaction type."""
    return {path.stem: json.loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))}


def _rule(error: jsonschema_rs.ValidationError, schema: Schema) -> str:
    kind = error.kind
    match kind.name:
        case "required":
            return f"{kind.value} is required"
        case "type":
            return f"must be of type {' or '.join(kind.value)}"
        case "format":
            return f"must be a {kind.value}"
        case "enum" | "const" | "pattern" | "minimum" | "maximum" | "minLength" | "maxLength":
            return f"must satisfy {kind.name} {json.dumps(kind.value)}"
    asked = _description(schema, error.schema_path[:-1])
    return f"must satisfy {kind.name}{f': {asked}' if asked else ''}"


def _description(schema: Any, path: Sequence[str | int]) -> str | None:
    """What the part of the schema at `path` says of itself; a path may also lead through a $ref."""
    try:
        for step in path:
            schema = schema[step]
        return str(schema["description"])
    except (LookupError, TypeError):
        return None


def property_names(schema: Any) -> set[str]:
    """Every name that it, or any of several, knows."""
    if isinstance(schema, list | tuple):
        return {name for part in schema for name in property_names(part)}
    if not isinstance(schema, Mapping):
        return set()
    own = set(schema["properties"]) if isinstance(schema.get("properties"), Mapping) else set()
    return own.union(*map(property_names, schema.values()))
