"""The funnel models shipped with the service: files, read here and compiled by the domain."""

import re
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml

from app.domain.model import Rules, compile_model, extended
from app.errors import ModelError

Path = tuple[str | int, ...]
Lines = dict[Path, str]
EXTENDS_MAX = 4
"""Models that build on one another."""


class _Loader(yaml.CSafeLoader):
    """YAML in which only `true` and `false` are booleans: `on` and `no` are words here."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class declares it
        first: [(tag, found) for tag, found in resolvers if not tag.endswith(":bool")]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


@lru_cache(maxsize=32)
def load_rules(name_at_version: str) -> Rules:
    """The rules of a shipped model, for example ``b2b-default@1``. Raises ModelError."""
    definition, lines = _read(name_at_version, EXTENDS_MAX)
    return rules_of(definition, lines, name_at_version)


def names() -> list[str]:
    """Every shipped model as ``name@version``."""
    found = (file.name for file in resources.files(__package__).iterdir())
    return sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml"))


def parse(text: str, file: str) -> tuple[dict[str, Any], Lines]:
    """A model's text as plain values, and where each of them stands (``file:line``)."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        definition = loader.construct_document(node) if node is not None else None
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        problem = getattr(wrong, "problem", None) or "no YAML"
        raise ModelError(f"{file}:{line}: {problem}; mend the YAML there") from None
    finally:
        loader.dispose()
    if not isinstance(definition, dict):
        raise ModelError(f"{file}:1: a model is a mapping; start with `name: …`")
    lines: Lines = {(): f"{file}:1"}
    _note(node, (), file, lines)
    return definition, lines


def rules_of(definition: dict[str, Any], lines: Lines, file: str) -> Rules:
    """Compile; an error names the line of the nearest enclosing value. Raises ModelError."""

    def locate(path: Path) -> str:
        while path not in lines:
            path = path[:-1]
        return lines[path]

    rules = compile_model(definition, locate)
    if rules.ref != file.removesuffix(".yaml"):
        raise ModelError(f"{lines[()]}: it says {rules.ref}; name the file {rules.ref}.yaml")
    return rules


def _read(name: str, depth: int) -> tuple[dict[str, Any], Lines]:
    if name not in names():
        raise ModelError(f"there is no model {name!r}; use one of {', '.join(names())}")
    file = f"{name}.yaml"
    text = (resources.files(__package__) / file).read_text("utf-8")
    definition, lines = parse(text, file)
    base = definition.pop("extends", None)
    if base is None:
        return definition, lines
    if depth == 0:
        raise ModelError(f"{file}:1: `extends` goes too deep; extend a model nearer the root")
    below, lines_below = _read(str(base), depth - 1)
    return extended(below, definition), lines_below | lines


def _note(node: Any, path: Path, file: str, lines: Lines) -> None:
    """Remember the line of every key and entry."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, key.value)
            lines[below] = f"{file}:{key.start_mark.line + 1}"
            _note(value, below, file, lines)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            lines[(*path, i)] = f"{file}:{value.start_mark.line + 1}"
            _note(value, (*path, i), file, lines)
