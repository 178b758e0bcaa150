"""The funnel models: files, shipped or a company's own, read here and compiled by the domain."""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from app.domain.model import Rules, compile_model, extended
from app.domain.reading import Locate
from app.errors import ModelError
from app.models.calendars import with_holidays
from app.models.lists import account_of, mail_domains_hash
from app.models.naming import name_and_version
from app.models.source import Lines, parse

__all__ = [
    "Lines",
    "content_hash",
    "full_name",
    "load_definition",
    "load_rules",
    "locating",
    "name_and_version",
    "names",
    "parse",
    "read_definition",
    "read_text",
    "rules_of",
]  # fmt: skip

EXTENDS_MAX = 4
"""Models that build on one another."""
Bases = Mapping[str, Mapping[str, Any]]
"""By name@version."""


@lru_cache(maxsize=32)
def load_rules(name_at_version: str, directory: Path | None = None) -> Rules:
    """The rules of a model, for example ``b2b-default@1``. Raises ModelError.

    `directory` holds a company's own models, each ``name@version.yaml``.
    """
    definition, lines = load_definition(name_at_version, directory)
    return rules_of(definition, lines, f"{name_at_version}.yaml")


def load_definition(name: str, directory: Path | None = None) -> tuple[dict[str, Any], Lines]:
    """A model complete in itself: what it extends merged in, its lists frozen. Raises ModelError.

    The lines say where each value stands, in the model's own file or in one below it.
    """
    return _frozen(*_read(name, directory, EXTENDS_MAX, None))


def read_definition(file: Path, directory: Path | None = None) -> tuple[dict[str, Any], Lines]:
    """As `load_definition`, of a file that stands anywhere. Raises ModelError."""
    text = _text(file, str(file))
    return _frozen(*_resolved(text, str(file), directory, EXTENDS_MAX))


def read_text(
    text: str, file: str, directory: Path | None = None, bases: Bases | None = None
) -> tuple[dict[str, Any], Lines]:
    """As `load_definition`, of a text that stands in no file. `bases`: complete models that it may
    extend beside those that are files. Raises ModelError."""
    definition, lines = parse(text, file)
    known = (bases or {}).get(str(definition.get("extends")))
    if known is None:
        return _frozen(*_resolved(text, file, directory, EXTENDS_MAX))
    del definition["extends"]
    return _frozen(extended(known, definition), lines)


def names(directory: Path | None = None) -> list[str]:
    """Every model there is as ``name@version``: those shipped, and those of `directory`."""
    return sorted(_shipped() | _own(directory).keys())


def full_name(name: str, directory: Path | None = None) -> str:
    """A name without a version is that of the only version there is; else it stays as it is."""
    if "@" in name:
        return name
    versions = [each for each in names(directory) if each.partition("@")[0] == name]
    return versions[0] if len(versions) == 1 else name


def rules_of(definition: dict[str, Any], lines: Lines, file: str) -> Rules:
    """Compile; an error names the line of the nearest enclosing value. Raises ModelError."""
    rules = compile_model(definition, locating(lines), account_of)
    if rules.ref != Path(file).name.removesuffix(".yaml"):
        raise ModelError(f"{lines[()]}: it says {rules.ref}; name the file {rules.ref}.yaml")
    return rules


def locating(lines: Lines) -> Locate:
    """Where a path of the definition stands, or the nearest that encloses it."""

    def locate(path: tuple[str | int, ...]) -> str:
        while path not in lines:
            path = path[:-1]
        return lines[path]

    return locate


def content_hash(definition: dict[str, Any]) -> str:
    """The same for definitions that say the same, in whatever order; of a complete definition."""
    text = json.dumps(definition, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _read(
    name: str, directory: Path | None, depth: int, asked_at: str | None
) -> tuple[dict[str, Any], Lines]:
    """`asked_at`: the line that extends it."""
    own = _own(directory)
    name = full_name(name, directory)
    if name in own:
        return _resolved(_text(own[name], str(own[name])), str(own[name]), directory, depth)
    file = f"{name}.yaml"
    if name in _shipped():
        text = (resources.files(__package__) / file).read_text("utf-8")
        return _resolved(text, file, directory, depth)
    place = f"{asked_at}: " if asked_at else ""
    raise ModelError(f"{place}there is no model {name!r}; use one of {', '.join(names(directory))}")


def _resolved(
    text: str, file: str, directory: Path | None, depth: int
) -> tuple[dict[str, Any], Lines]:
    """With all that it extends merged in."""
    definition, lines = parse(text, file)
    base = definition.pop("extends", None)
    if base is None:
        return definition, lines
    at = lines[("extends",)]
    if depth == 0:
        raise ModelError(f"{at}: `extends` goes too deep; extend a model nearer the root")
    below, lines_below = _read(str(base), directory, depth - 1, at)
    return extended(below, definition), lines_below | lines


def _frozen(definition: dict[str, Any], lines: Lines) -> tuple[dict[str, Any], Lines]:
    definition = with_holidays(definition, locating(lines))
    return {**definition, "mail_domains": mail_domains_hash()}, lines


def _shipped() -> set[str]:
    found = (file.name for file in resources.files(__package__).iterdir())
    return {name.removesuffix(".yaml") for name in found if name.endswith(".yaml")}


def _own(directory: Path | None) -> dict[str, Path]:
    """A company's own models; none may have the name of a shipped one."""
    if directory is None:
        return {}
    if not directory.is_dir():
        raise ModelError(f"{directory} is no directory; make it, or unset FUNNEL_MODELS_DIR")
    found = {file.name.removesuffix(".yaml"): file for file in sorted(directory.glob("*@*.yaml"))}
    for name in sorted(found.keys() & _shipped()):
        raise ModelError(f"{found[name]}:1: {name} is a shipped model; give yours another name")
    return found


def _text(file: Path, shown: str) -> str:
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise ModelError(f"{shown}:1: this is not UTF-8; save it as UTF-8") from None
    except OSError as failed:
        raise ModelError(f"can't read {shown}: {failed.strerror}; check its name") from None
