"""Reading a model definition: every mistake is named with its place and the mend."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, cast

from app.domain.calendar import DAY, duration_of
from app.domain.interaction import Microseconds
from app.errors import ModelError

BUSINESS_DAY_HOURS = 8
NUMBER_MAX = 1_000_000_000
DURATION_MAX = 36_500 * DAY
"""A hundred years: what is armed stays a moment that can be stored."""
_BUSINESS = re.compile(r"(\d{1,3}) ?(bh|bd)", re.ASCII).fullmatch
Path = tuple[str | int, ...]
Locate = Callable[[Path], str]
T = TypeVar("T")


class Node:
    """A value of the definition that knows where it stands."""

    __slots__ = ("locate", "path", "value")

    def __init__(self, value: Any, path: Path = (), locate: Locate | None = None) -> None:
        self.value = value
        self.path = path
        self.locate = locate or _by_path

    def error(self, message: str, mend: str) -> ModelError:
        where = ".".join(str(part) for part in self.path)
        return ModelError(f"{self.locate(self.path)}: {where or 'model'}: {message}; {mend}")

    def mapping(self, known: Collection[str] | None = None) -> Mapping[str, Any]:
        """A mapping; with `known`, none but these keys."""
        if not isinstance(self.value, Mapping):
            raise self.error("expected a mapping", "write it as `name: value` lines")
        for name in self.value:
            if not isinstance(name, str):
                raise self.error(f"key {name!r} is no text", "put it in quotes")
            if known is not None and name not in known:
                raise self._child(name).error("unknown key", _suggest(name, known))
        return self.value

    def items(self) -> Iterator[tuple[str, "Node"]]:
        for name in self.mapping():
            yield name, self._child(name)

    def child(self, name: str) -> "Node":
        """A key that must be there."""
        if name not in self.mapping():
            raise self.error(f"`{name}` is missing", f"add `{name}: …`")
        return self._child(name)

    def child_or(self, name: str, default: Any) -> "Node":
        return (
            self._child(name) if name in self.mapping() else Node(default, self.path, self.locate)
        )

    def _child(self, name: str) -> "Node":
        return Node(self.value[name], (*self.path, name), self.locate)

    def entries(self) -> list["Node"]:
        """Of a list; a single value is a list of one."""
        values = self.value if isinstance(self.value, list) else [self.value]
        return [Node(v, (*self.path, i), self.locate) for i, v in enumerate(values)]

    def texts(self) -> tuple[str, ...]:
        return tuple(entry.text() for entry in self.entries())

    def text(self) -> str:
        return self._as(str, "a text")

    def flag(self) -> bool:
        return self._as(bool, "true or false")

    def number(self) -> float:
        is_number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        if not is_number or not -NUMBER_MAX <= self.value <= NUMBER_MAX:
            raise self.error(f"{self.value!r} is no number", "write a number")
        return cast(float, self.value)

    def duration(self) -> Microseconds:
        span = duration_of(self.value) if isinstance(self.value, str) else None
        if span is None:
            raise self.error(
                f"{self.value!r} is no duration", "write a number and s, min, h or d: `30 d`"
            )
        if span > DURATION_MAX:
            raise self.error(
                f"{self.value!r} is too long", f"write {DURATION_MAX // DAY} d or less"
            )
        return span

    def business_hours(self) -> float:
        """``4 bh`` or ``1 bd``; a business day has eight hours."""
        found = _BUSINESS(self.value) if isinstance(self.value, str) else None
        if found is None:
            raise self.error(
                f"{self.value!r} is no business time", "write hours or days: `4 bh` or `1 bd`"
            )
        return float(found[1]) * (BUSINESS_DAY_HOURS if found[2] == "bd" else 1)

    def one_of(self, known: Collection[str], what: str) -> str:
        value = self.value
        if not isinstance(value, str) or value not in known:
            raise self.error(f"{value!r} is no {what}", _suggest(str(value), known))
        return value

    def _as(self, kind: type[T], what: str) -> T:
        if not isinstance(self.value, kind):
            raise self.error(f"expected {what}", f"replace {self.value!r}")
        return self.value


def _suggest(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"use one of {', '.join(sorted(known))}"


def _by_path(_: Path) -> str:
    return "model"
