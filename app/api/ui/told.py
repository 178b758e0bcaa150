"""What an interaction said, in a few words for people: its fields as the model reads them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from app.api.timeline import TimelineItem
from app.api.ui.words import field_text, label, number, share
from app.domain.entry import FUNNEL

_TOGETHER: Final = frozenset({"amount", "currency", "criterion", "value", "actor"})
"""Told as one thing, or with a word of their own."""


def told_of(item: TimelineItem) -> list[str]:
    """The weightiest first, where it came from last."""
    return [
        *values_of(item.fields),
        *filter(None, (item.channel, item.campaign_id)),
        *_remarks(item),
        "by time alone" if item.source == FUNNEL else host_of(item.source),
    ]


def values_of(fields: Mapping[str, Any]) -> Iterable[str]:
    """Without what is a placeholder."""
    if "criterion" in fields:
        value = field_text(fields.get("value", "unknown"))
        yield f"{label(str(fields['criterion']))}: {value.replace('_', ' ')}"
    if "amount" in fields:
        amount = fields["amount"]
        text = number(amount) if isinstance(amount, int | float) else str(amount)
        yield f"{text} {fields.get('currency', '')}".rstrip()
    for name, value in fields.items():
        if name.startswith("@") or name in _TOGETHER or value is False or _is_open(value):
            continue
        yield _value(name, value)
    if "actor" in fields:
        yield f"by {fields['actor']}"


def _is_open(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("<") and value.endswith(">")


def _value(name: str, value: Any) -> str:
    words = label(name).lower()
    if value is True:
        return words.removeprefix("is ")
    if name in ("probability", "confidence") and isinstance(value, int | float):
        return f"{words} {share(value)}"
    if name.endswith("_id"):
        return f"{words.removesuffix(' id')} {value}"
    return f"{words} {field_text(value)}"


def _remarks(item: TimelineItem) -> Iterable[str]:
    if item.is_automated:
        yield "automated, does not count"
    if item.is_retracted:
        yield "retracted, does not count"
    if item.is_backfill:
        yield "imported"
    if item.member:
        yield f"of {item.member}"


def host_of(source: str) -> str:
    """Of an address its host; else what the producer calls itself."""
    return urlsplit(source).hostname or source if source.startswith("http") else source
