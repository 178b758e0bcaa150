"""Released schemas: a copy for each release, that never changes, and what today's would break."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from app.contract.compatibility import Schema, input_breaks, output_breaks
from app.contract.files import OPENAPI, SCHEMAS, read
from app.contract.http_compatibility import http_breaks
from app.errors import FunnelError

RELEASED: Final = SCHEMAS / "released"
INPUTS: Final = ("interactions", "commands", "inputs")
OUTPUTS: Final = ("outputs",)
BETWEEN_LANES: Final = ("internal",)
"""Written and read by this service: old records must be readable, as producers' are."""
TOPICS: Final = "topics"

_FIXED: Final = ("partitions", "key")
_FIXED_CONFIG: Final = ("cleanup.policy", "message.timestamp.type")
_AT_LEAST: Final = ("retention.ms", "max.message.bytes")


def versions(folder: Path = RELEASED) -> list[str]:
    """Oldest first."""
    found = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return sorted(found, key=_number)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def freeze(version: str, folder: Path = RELEASED) -> Path:
    """Copy today's schemas as those of a release. FunnelError where there are such."""
    try:
        _number(version)
    except ValueError:
        raise FunnelError(f"{version!r} is no version: write it as 0.2.0") from None
    place = folder / version
    if place.exists():
        raise FunnelError(f"{version} was released already: what others rely on never changes")
    for kind in (*INPUTS, *OUTPUTS, *BETWEEN_LANES, TOPICS):
        without_examples = shutil.ignore_patterns("examples")
        shutil.copytree(SCHEMAS / kind, place / kind, ignore=without_examples)
    shutil.copy(SCHEMAS / OPENAPI, place / OPENAPI)
    return place


def breaks(old: Path, new: Path = SCHEMAS) -> Iterator[str]:
    """Every way in which the schemas in `new` break what those in `old` promised."""
    for kinds, rules in ((INPUTS, input_breaks), (OUTPUTS, output_breaks)):
        for kind in kinds:
            yield from _schema_breaks(old / kind, new / kind, rules)
    for kind in BETWEEN_LANES:
        yield from _schema_breaks(old / kind, new / kind, input_breaks)
    for path in sorted((old / TOPICS).glob("*.yaml")):
        found = read(new / TOPICS / path.name)
        place = f"{TOPICS}/{path.name}"
        if found is None:
            yield f"{place}: the topic is gone"
        else:
            yield from (f"{place}: {each}" for each in topic_breaks(read(path), found))
    was, now = read(old / OPENAPI), read(new / OPENAPI)
    if was is not None:
        yield from (f"{OPENAPI}: {each}" for each in http_breaks(was, now))


def _schema_breaks(
    old: Path, new: Path, rules: Callable[[Schema, Schema], Iterator[str]]
) -> Iterator[str]:
    for path in sorted(old.glob("*.json")):
        found = read(new / path.name)
        place = f"{old.name}/{path.name}"
        if found is None:
            yield f"{place}: is gone"
        else:
            yield from (f"{place}{each}" for each in rules(read(path), found))


def topic_breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in _FIXED:
        if old[name] != new[name]:
            yield f"{name} was {old[name]!r}, is {new[name]!r}"
    was, now = old["config"], new["config"]
    for name in _FIXED_CONFIG:
        if was.get(name) != now.get(name):
            yield f"{name} was {was.get(name)!r}, is {now.get(name)!r}"
    for name in _AT_LEAST:
        if name in was and now.get(name, 0) < was[name]:
            yield f"{name} was {was[name]}, is {now.get(name, 'not set')}"
    for event in old["events"]:
        if event not in new["events"]:
            yield f"carries {event} no more"
