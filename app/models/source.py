"""A model's text: as plain values, and the line on which each of them stands."""

import re
from typing import Any

import yaml

from app.errors import ModelError

Path = tuple[str | int, ...]
Lines = dict[Path, str]
"""Where a value stands: ``file:line``."""
DEPTH_MAX = 16


class _Loader(yaml.CSafeLoader):
    """YAML in which only `true` and `false` are booleans: `on` and `no` are words here."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class declares it
        first: [(tag, found) for tag, found in resolvers if not tag.endswith(":bool")]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def parse(text: str, file: str) -> tuple[dict[str, Any], Lines]:
    """A model's text as plain values, and where each of them stands. Raises ModelError."""
    lines: Lines = {(): f"{file}:1"}
    try:
        _check_shape(text, file)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            _note(node, (), file, lines)
            definition = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        problem = getattr(wrong, "problem", None) or "no YAML"
        raise ModelError(f"{file}:{line}: {problem}; mend the YAML there") from None
    except ValueError as wrong:
        raise ModelError(f"{file}:1: a date or number in it is none: {wrong}; mend it") from None
    if not isinstance(definition, dict):
        raise ModelError(f"{file}:1: a model is a mapping; start with `name: …`")
    return definition, lines


def _check_shape(text: str, file: str) -> None:
    """Before anything recurses into it: a model is flat, and no part of it stands for another."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise ModelError(f"{file}:{line}: an alias (`*`) stands here; write it out")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            raise ModelError(f"{file}:{line}: it is nested too deeply; write it flatter")


def _note(node: Any, path: Path, file: str, lines: Lines) -> None:
    """Remember the line of every key and entry; a key that is given twice is refused."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = (*path, str(key.value))
            place = f"{file}:{key.start_mark.line + 1}"
            if below in lines:
                raise ModelError(
                    f"{place}: `{key.value}` stands on line {lines[below].rpartition(':')[2]} too;"
                    " keep one of them"
                )
            lines[below] = place
            _note(value, below, file, lines)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            lines[(*path, i)] = f"{file}:{value.start_mark.line + 1}"
            _note(value, (*path, i), file, lines)
