"""Everything that must hold of schemas/ before it may be published."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from app.contract.asyncapi import asyncapi
from app.contract.files import ASYNCAPI, OPENAPI, SCHEMAS, read
from app.contract.openapi import openapi
from app.contract.released import RELEASED, breaks, versions
from app.domain.topics import Topic
from app.inbound.validation import COMMAND_SCHEMAS, INTERACTION_SCHEMAS
from app.outbound.headers import EventType
from app.outbound.topics import load_definitions

MEND: Final = "write it again with `funnel schemas write`"
_EXAMPLES: Final = {
    INTERACTION_SCHEMAS: (SCHEMAS / "examples", "data"),
    COMMAND_SCHEMAS: (COMMAND_SCHEMAS / "examples", "data"),
    SCHEMAS / "outputs": (SCHEMAS / "outputs" / "examples", "value"),
}
"""Of each folder of schemas: where its examples are, and what of them the schema is about."""


def generated() -> dict[str, dict[str, Any]]:
    """The generated files by name, as they must be."""
    return {ASYNCAPI: asyncapi(), OPENAPI: openapi()}


def findings() -> Iterator[str]:
    """Each thing that is wrong: where, what, the mend."""
    yield from _wrong_schemas()
    yield from _wrong_names()
    yield from _wrong_examples()
    for name, document in generated().items():
        if read(SCHEMAS / name) != document:
            yield f"{name}: is not what the code and the schemas say: {MEND}"
    for version in versions()[-1:]:
        yield from (f"breaks {version}: {each}" for each in breaks(RELEASED / version))


def _wrong_schemas() -> Iterator[str]:
    for path in sorted(SCHEMAS.glob("*/*.json")):
        try:
            jsonschema_rs.meta.validate(read(path))
        except (jsonschema_rs.ValidationError, ValueError) as wrong:
            yield f"{_place(path)}: is no JSON Schema: {wrong}"


def _wrong_names() -> Iterator[str]:
    """What the code knows and what the folders have is the same."""
    sides = {
        "outputs": ({path.stem for path in (SCHEMAS / "outputs").glob("funnel.*.json")}, EventType),
        "topics": ({one.name for one in load_definitions()}, Topic),
    }
    for folder, (there, known) in sides.items():
        yield from (f"{folder}: {name} has no file" for name in sorted({*known} - there))
        yield from (f"{folder}: the code knows no {name}" for name in sorted(there - {*known}))


def _wrong_examples() -> Iterator[str]:
    for folder, (examples, part) in _EXAMPLES.items():
        for path in sorted(folder.glob("*.json")):
            is_described = folder.name != "outputs" or path.stem.startswith("funnel.")
            if is_described:
                yield from _wrong_examples_of(path, examples / path.stem, part)


def _wrong_examples_of(path: Path, examples: Path, part: str) -> Iterator[str]:
    """A model may ask for more than the schema: invalid examples of inputs are tested there."""
    validator = jsonschema_rs.Draft202012Validator(read(path), validate_formats=True)
    for kind in ("valid", "invalid"):
        files = sorted(examples.glob(f"{kind}-*.json"))
        if not files:
            yield f"{_place(examples)}: has no {kind} example"
        for file in files:
            if validator.is_valid(read(file).get(part, {})) != (kind == "valid"):
                yield f"{_place(file)}: is {'in' if kind == 'valid' else ''}valid by its schema"


def _place(path: Path) -> str:
    return str(path.relative_to(SCHEMAS))
