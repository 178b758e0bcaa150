"""A model as it was sent: read, compiled and linted like a file, and every mistake told with its
line and its field.

What is sent is bounded before it is compiled: whoever may upload models must not be able to keep
the service busy with one.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from app.api.model_shapes import LoadedModel
from app.api.problems import FieldError, Problem
from app.domain.lint import lint
from app.domain.model import compile_model
from app.domain.reading import Locate, Node
from app.errors import ModelError
from app.models import (
    Bases,
    Lines,
    content_hash,
    locating,
    name_and_version,
    parse,
    read_text,
)
from app.models.lists import account_of

FILE: Final = "model.yaml"
"""What a text without a name is called in what is told of it."""
STAGES_MAX: Final = 32
MOVES_MAX: Final = 1500
"""Pairs of stages, of all transitions."""
TYPES_MAX: Final = 200
FINDINGS_MAX: Final = 50
DETAIL_MAX_CHARS: Final = 600
_place_of = re.compile(r"([^:\n]+:\d+): ").match


def extended_by(body: bytes) -> str | None:
    """The model that it extends, if it says so. Problem 422: it is no mapping."""
    return str(_parsed(body)[1].get("extends") or "") or None


def read_upload(body: bytes, directory: Path | None, bases: Bases) -> LoadedModel:
    """`bases`: complete models that it may extend, beside the files. Problem 422."""
    text, own, lines = _parsed(body)
    try:
        for name in ("name", "version"):  # its own, whatever it extends
            Node(own, (), locating(lines)).child(name)
        definition, lines = read_text(text, FILE, directory, bases)
        locate = locating(lines)
        name, version = name_and_version(definition, locate)
        check_size(definition, locate)
        rules = compile_model(definition, locate, account_of)
        findings = [each.text for each in lint(definition, rules, locate)]
    except ModelError as refused:
        findings = [str(refused)]
    if findings:
        raise wrong_model(findings, lines, hidden=f"{directory}/")
    return LoadedModel(f"{name}@{version}", definition, rules, content_hash(definition), locate)


def check_size(definition: Mapping[str, Any], locate: Locate) -> None:
    """Raises ModelError."""
    model = Node(definition, (), locate)
    stages = model.child("stages").mapping()
    if len(stages) > STAGES_MAX:
        raise model.child("stages").error(f"{len(stages)} stages", f"have at most {STAGES_MAX}")
    types = model.child("interactions").mapping()
    if len(types) > TYPES_MAX:
        raise model.child("interactions").error(f"{len(types)} types", f"have at most {TYPES_MAX}")
    transitions = model.child("transitions")
    moves = sum(
        len(each.child("from").entries()) * len(each.child("to").entries())
        for _, each in transitions.items()
        if isinstance(each.value, Mapping)
    )
    if moves > MOVES_MAX:
        raise transitions.error(
            f"{moves:,} pairs of `from` and `to`", f"have at most {MOVES_MAX:,} of all transitions"
        )


def wrong_model(texts: list[str], lines: Lines, *, hidden: str = "") -> Problem:
    """422: each mistake with its field, where that can be told. `hidden`: where on this machine
    files stand."""
    errors = [
        FieldError(_field(text, lines), _without(text, hidden)[:DETAIL_MAX_CHARS]) for text in texts
    ]
    more = f"; and {len(errors) - 1:,} more" if len(errors) > 1 else ""
    detail = f"{errors[0].detail}{more}"
    return Problem(422, "wrong-model", detail, errors=errors[:FINDINGS_MAX])


def _field(text: str, lines: Lines) -> str:
    """As a JSON pointer. A message is ``file:line: path.of.the.value: what``."""
    found = _place_of(text)
    if found is None:
        return ""
    there = [path for path, place in lines.items() if place == found[1]]
    told = text[found.end() :]
    exact = [path for path in there if told.startswith(".".join(map(str, path)) + ": ")]
    path = min(exact or there, key=len, default=())
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def _without(text: str, hidden: str) -> str:
    return text.replace(hidden, "") if hidden else text


def _parsed(body: bytes) -> tuple[str, Mapping[str, Any], Lines]:
    try:
        text = body.decode()
        return text, *parse(text, FILE)
    except UnicodeDecodeError:
        raise wrong_model([f"{FILE}:1: this is not UTF-8; save it as UTF-8"], {}) from None
    except ModelError as refused:
        raise wrong_model([str(refused)], {}) from None
