"""Sizes a record must keep to, so that nothing later has to be afraid of it."""

from collections.abc import Iterator
from typing import Any

from app.domain.reasons import Reason
from app.errors import Poison
from app.handling.records import SourceRecord
from app.settings import Limits

ATTRIBUTES_WITH_LENGTH = ("id", "source", "subject", "channel", "campaignid")
"""Stored or indexed as they are: at most `id_max_chars` characters each."""


def check_bytes(record: SourceRecord, limits: Limits, *, is_from_lane: bool) -> None:
    """Value; key and headers, each and together. Forwarding adds headers: twice the room then."""
    if record.value is not None and len(record.value) > limits.value_max_bytes:
        raise _too_large("value", f"{limits.value_max_bytes} bytes")
    longest, total = limits.string_max_bytes, len(record.key or b"")
    if total > longest:
        raise _too_large("key", f"{longest} bytes")
    for name, value in record.headers:
        size = len(value) if value is not None else 0
        if size > longest:
            raise _too_large("a header", f"{longest} bytes")
        total += size + len(name)
    room = limits.value_max_bytes * (2 if is_from_lane else 1)
    if total > room:
        raise _too_large("key and headers", f"{room} bytes")


def check_document(value: bytes, document: Any, limits: Limits) -> None:
    """Depth and strings of the JSON in the value; walks it only where a limit may be broken."""
    if len(value) <= limits.string_max_bytes and (
        value.count(b"{") + value.count(b"[") <= limits.depth_max
    ):
        return
    if any(len(text.encode()) > limits.string_max_bytes for text in strings_of(document)):
        raise _too_large("a string in the value", f"{limits.string_max_bytes} bytes")
    level = _containers([document])
    for _ in range(limits.depth_max):
        level = [inner for outer in level for inner in _containers(outer)]
    if level:
        raise too_deep(limits)


def strings_of(document: Any) -> Iterator[str]:
    """Every string of a JSON document, keys included."""
    left = [document]
    while left:
        node = left.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict):
            left += node
            left += node.values()
        elif isinstance(node, list):
            left += node


def check_lengths(event: dict[str, Any], limits: Limits) -> None:
    longest = limits.id_max_chars
    for name in ATTRIBUTES_WITH_LENGTH:
        text = event.get(name)
        if text is not None and type(text) is str and len(text) > longest:
            raise _too_large(f"/{name}", f"{limits.id_max_chars} characters")


def too_deep(limits: Limits) -> Poison:
    return Poison(Reason.TOO_LARGE, f"value: nested deeper than {limits.depth_max} levels")


def _containers(node: Any) -> list[Any]:
    members = node.values() if isinstance(node, dict) else node
    return [member for member in members if isinstance(member, dict | list)]


def _too_large(where: str, limit: str) -> Poison:
    return Poison(Reason.TOO_LARGE, f"{where}: larger than {limit}")
