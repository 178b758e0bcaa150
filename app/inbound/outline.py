"""What a payload looks like without what it says: its names, with the kind of value under each.

Names that no schema has may themselves be personal data: a star stands in their place. Bounded in
depth and breadth, whatever comes.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import msgspec

from app.inbound.event import ATTRIBUTES
from app.inbound.validation import load_schemas, property_names

DEPTH_MAX: Final = 8
BREADTH_MAX: Final = 40


def outline(value: bytes | None) -> Any:
    """As JSON shows it; None: it is no JSON."""
    try:
        found = msgspec.json.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _of(found, DEPTH_MAX)


def _of(value: Any, depth: int) -> Any:
    match value:
        case dict():
            return dict(_members(value, depth - 1)) if depth else "object"
        case list():
            return [_of(each, depth - 1) for each in value[:BREADTH_MAX]] if depth else "array"
        case str():
            return "string"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
    return "null"


def _members(value: dict[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    known, hidden = known_names(), 0
    for name, each in list(value.items())[:BREADTH_MAX]:
        if name not in known:
            hidden += 1
            name = "*" * hidden
        yield name, _of(each, depth)


@cache
def known_names() -> frozenset[str]:
    """Of the envelope, and of every shipped schema."""
    return frozenset({*ATTRIBUTES, "data", *property_names(list(load_schemas().values()))})
