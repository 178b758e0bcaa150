"""May today's schemas follow the released ones? What a reader or a producer would trip over.

*Inputs* may become laxer, never stricter: whoever sends what was valid goes on. *Outputs* may gain
optional fields and nothing else: readers know the released schema, and what was written before
today stands on the topics and is read by today's. Words for people (title, description, examples)
change freely.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

_WORDS: Final = frozenset({"title", "description", "examples", "$comment", "$schema"})
_HELD: Final = frozenset({"properties", "required"})
_LOWER: Final = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
_UPPER: Final = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
_ONE: Final = frozenset({"items", "additionalProperties"})
_SEVERAL: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
GROWING_ENUMS: Final = frozenset({"/properties/ce_type"})
"""Of outputs: readers pass over event types that they don't know."""


def output_breaks(old: Schema, new: Schema, at: str = "", *, is_kept: bool = True) -> Iterator[str]:
    """What of an output's schema readers of the old one can't live with.

    `is_kept`: outputs of before are read by today's schema, as records are and answers are not."""
    before, after = _properties(old), _properties(new)
    yield from (f"{at}/{name}: is removed" for name in before if name not in after)
    was, now = set(old.get("required", ())), set(new.get("required", ()))
    yield from (f"{at}/{name}: may be absent now" for name in sorted(was - now) if name in after)
    if is_kept:
        yield from (
            f"{at}/{name}: is required now, and older records have none"
            for name in sorted(now - was)
        )
    for name in before.keys() & after.keys():
        place = f"{at}/properties/{name}"
        yield from output_breaks(before[name], after[name], place, is_kept=is_kept)
    for keyword in sorted(_keywords(old) | _keywords(new)):
        if (parts := _parts(old, new, keyword)) is not None:
            for place, was_part, now_part in parts:
                yield from output_breaks(was_part, now_part, f"{at}/{place}", is_kept=is_kept)
        elif old.get(keyword) != new.get(keyword) and not _has_grown(old, new, keyword, at):
            yield f"{at}: {keyword} was {_told(old, keyword)}, is {_told(new, keyword)}"


def input_breaks(old: Schema, new: Schema, at: str = "") -> Iterator[str]:
    """What of an input's schema refuses what the old one accepted."""
    before, after = _properties(old), _properties(new)
    was, now = set(old.get("required", ())), set(new.get("required", ()))
    yield from (f"{at}/{name}: is required now" for name in sorted(now - was))
    for name in before.keys() & after.keys():
        yield from input_breaks(before[name], after[name], f"{at}/properties/{name}")
    for keyword in sorted(_keywords(new)):
        if (parts := _parts(old, new, keyword)) is not None:
            for place, was_part, now_part in parts:
                yield from input_breaks(was_part, now_part, f"{at}/{place}")
        elif old.get(keyword) != new[keyword] and not _is_laxer(keyword, old, new):
            yield f"{at}: {keyword} was {_told(old, keyword)}, is {_told(new, keyword)}"


def _is_laxer(keyword: str, old: Schema, new: Schema) -> bool:
    if keyword not in old:
        # A constraint where there was none; but a choice may take the place of a single value.
        return keyword == "enum" and "const" in old and old["const"] in new["enum"]
    was, now = old[keyword], new[keyword]
    if keyword in _LOWER:
        return bool(now <= was)
    if keyword in _UPPER:
        return bool(now >= was)
    if keyword == "type":
        return _types(was) <= _types(now)
    if keyword == "enum":
        return all(each in now for each in was)
    return False


def _types(named: str | list[str]) -> set[str]:
    """Every integer is a number."""
    found = {named} if isinstance(named, str) else set(named)
    return found | {"integer"} if "number" in found else found


def _has_grown(old: Schema, new: Schema, keyword: str, at: str) -> bool:
    if keyword != "enum" or at not in GROWING_ENUMS or "enum" not in old or "enum" not in new:
        return False
    return set(old["enum"]) <= set(new["enum"])


def _properties(schema: Schema) -> Mapping[str, Schema]:
    found: Mapping[str, Schema] = schema.get("properties", {})
    return found


def _keywords(schema: Schema) -> set[str]:
    return schema.keys() - _WORDS - _HELD


def _parts(old: Schema, new: Schema, keyword: str) -> list[tuple[str, Schema, Schema]] | None:
    """The schemas inside, side by side; None where they can't be compared one by one."""
    was, now = old.get(keyword), new.get(keyword)
    if keyword in _ONE and isinstance(was, Mapping) and isinstance(now, Mapping):
        return [(keyword, was, now)]
    if keyword in _SEVERAL and isinstance(was, list) and isinstance(now, list):
        pairs = list(zip(was, now, strict=False))
        if len(was) == len(now) and all(isinstance(x, Mapping) for pair in pairs for x in pair):
            return [(f"{keyword}/{at}", x, y) for at, (x, y) in enumerate(pairs)]
    return None


def _told(schema: Schema, keyword: str) -> str:
    return repr(schema[keyword]) if keyword in schema else "not said"
