"""How one model differs from another, as sentences are made of it: what, where, from, to.

Compared are complete definitions: what a model extends is merged in before.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

Kind = Literal["added", "removed", "changed"]

_NOUNS: Final = {
    "stages": "stage", "interactions": "interaction type", "transitions": "transition",
    "knobs": "knob", "terms": "term", "fit": "points of fit", "way": "way up from",
    "company_size": "company size", "business_hours": "business hours", "timers": "timer",
}  # fmt: skip
_IDENTITY: Final = ("name", "version")
"""Two models always differ in these."""
_LONG: Final = 60
"""Characters of a value beyond which it is not shown."""


class Change(NamedTuple):
    """One difference. `part` is empty where the whole of `what` was added or removed."""

    section: str
    what: str
    part: str
    kind: Kind
    before: Any
    after: Any

    def words(self) -> str:
        named = f"{self.what}: {self.part}" if self.part else self.what
        if self.kind == "changed":
            before, after = _shown(self.before), _shown(self.after)
            return f"{named} changed from {before} to {after}"
        value = self.after if self.kind == "added" else self.before
        if isinstance(value, Mapping):
            value = value.get("definition")
        return f"{named} {self.kind}" + ("" if value is None else f": {_shown(value)}")


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """In the order in which the new model says it; what was removed comes after the rest."""
    found: list[Change] = []
    for section in _keys(old, new):
        if section in _IDENTITY:
            continue
        before, after = old.get(section), new.get(section)
        if isinstance(before, Mapping) or isinstance(after, Mapping):
            found += _of_section(section, before or {}, after or {})
        else:
            found += _of_value(section, section.replace("_", " "), "", before, after)
    return found


def _of_section(section: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    noun = _NOUNS.get(section, section.replace("_", " "))
    for name in _keys(old, new):
        what, before, after = f"{noun} {name}", old.get(name), new.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            for part in _keys(before, after):
                yield from _of_value(section, what, part, before.get(part), after.get(part))
        else:
            yield from _of_value(section, what, "", before, after)


def _of_value(section: str, what: str, part: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    if before is None:
        yield Change(section, what, part, "added", None, after)
    elif after is None:
        yield Change(section, what, part, "removed", before, None)
    elif isinstance(before, list) or isinstance(after, list):
        yield from _of_list(section, what, part, _entries(before), _entries(after))
    else:
        yield Change(section, what, part, "changed", before, after)


def _of_list(
    section: str, what: str, part: str, before: list[Any], after: list[Any]
) -> Iterator[Change]:
    """By what came and went; by order only where that is all."""
    new = [each for each in after if each not in before]
    gone = [each for each in before if each not in after]
    if new:
        yield Change(section, what, part, "added", None, new)
    if gone:
        yield Change(section, what, part, "removed", gone, None)
    if not new and not gone and before != after:
        yield Change(section, what, part, "changed", before, after)


def _entries(value: Any) -> list[Any]:
    """A single value is a list of one, as the model's reader has it."""
    return value if isinstance(value, list) else [value]


def _keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [*new, *(name for name in old if name not in new)]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        text = ", ".join(_shown(each) for each in value) or "none"
        return text if len(text) <= _LONG else f"{len(value)} entries"
    return str(value)
