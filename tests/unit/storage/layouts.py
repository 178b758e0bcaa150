"""What is kept in PostgreSQL as bytes, written down: its layout, and a sample as it was written.

python -m tests.unit.storage.layouts      writes those of format numbers that have none yet
"""

import json
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from app.domain import account, book, log
from app.domain.book import Book
from app.handling.records import OutputRecord, SourceRecord
from app.storage import segments
from tests.unit.domain.story import Story

KEPT: Final = Path(__file__).parent / "kept"


class Layout(NamedTuple):
    name: str
    format: int
    types: Sequence[type]
    words: Sequence[str]
    """That are written as their place among them."""
    sample: Callable[[], dict[str, bytes]] | None

    @property
    def file(self) -> Path:
        return KEPT / f"{self.name}-{self.format}.txt"

    @property
    def sample_file(self) -> Path:
        return KEPT / f"{self.name}-{self.format}.json"

    def text(self) -> str:
        lines: list[str] = []
        for each in self.types:
            _describe(each, lines)
        return "\n".join([*lines, *(f"{n} {word}" for n, word in enumerate(self.words))]) + "\n"


EVENTS: Final = (
    *(("newsletter.signed_up", 0), ("website.visited", 1), ("email.link_clicked", 2)),
    *(("tradeshow.contact_made", 3), ("qualification.recorded", 4), ("demo.requested", 5)),
    *(("decision_deadline.communicated", 6), ("quote.sent", 7), ("website.visited", 7.5)),
    *(("owner.assigned", 8), ("account.linked", 9), ("deal.won", 10), ("customer.renewed", 11)),
)


def story() -> Story:
    told = Story()
    for kind, day in EVENTS:
        told.tell(kind, day)
    return told


def _contact() -> dict[str, bytes]:
    taken = story().contact.take_change()
    assert taken is not None
    change, sealed = taken
    assert not sealed, "all of it is in the row"
    return {"state": change.state, "log": change.log_head}


LAYOUTS: Final = (
    Layout("contact", book.FORMAT, (Book, log.Logged, log.Checkpoint), log.VOCABULARY, _contact),
    Layout("account", account.FORMAT, (account.AccountState, account.Member), (), None),
    Layout("segment", segments._FORMAT[0], (SourceRecord, OutputRecord), (), None),
)


def _describe(kind: type, lines: list[str]) -> None:
    """A type's fields in their order, and below it those of the types in them."""
    todo, seen = [kind], {kind}
    while todo:
        info: Any = msgspec.inspect.type_info(todo.pop(0))
        lines.append(info.cls.__name__)
        for field in info.fields:
            inner: list[type] = []
            default = "" if field.required else " ="
            lines.append(f"  {field.encode_name}: {_words(field.type, inner)}{default}")
            todo += [each for each in inner if each not in seen]
            seen.update(inner)


def _words(info: Any, inner: list[type]) -> str:
    name = type(info).__name__.removesuffix("Type").lower()
    if hasattr(info, "fields"):
        inner.append(info.cls)
        return str(info.cls.__name__)
    if isinstance(info, msgspec.inspect.EnumType):
        assert issubclass(info.cls, StrEnum)
        return f"one of {', '.join(sorted(info.cls))}"
    parts = [
        part
        for attribute in ("types", "item_types", "key_type", "value_type", "item_type")
        for part in _listed(getattr(info, attribute, ()))
    ]
    return f"{name}[{', '.join(_words(part, inner) for part in parts)}]" if parts else name


def _listed(found: Any) -> Sequence[Any]:
    return found if isinstance(found, tuple | list) else (found,)


def main() -> int:
    KEPT.mkdir(exist_ok=True)
    for layout in LAYOUTS:
        if not layout.file.exists():
            layout.file.write_text(layout.text())
        if layout.sample is not None and not layout.sample_file.exists():
            sample = {name: value.hex() for name, value in layout.sample().items()}
            layout.sample_file.write_text(json.dumps(sample, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
