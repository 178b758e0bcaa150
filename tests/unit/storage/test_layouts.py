"""What a release wrote the next one reads, and what it writes the one before reads: while both run,
a contact goes from one to the other and back.

Of bytes that are read, changed and written again, an older release would drop a field that it does
not know, and the newer one would not see it: so another layout has another format number, which an
older release refuses (the partition halts), and is written only once no release before it may run.
"""

import json
from collections.abc import Iterator

import pytest

from app.domain.book import decode_book, encode_book
from app.domain.contact import Contact
from tests.unit.domain.story import Story
from tests.unit.storage import layouts
from tests.unit.storage.layouts import EVENTS, KEPT, LAYOUTS, Layout, story


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_layout_that_changes_gets_another_number(layout: Layout) -> None:
    assert layout.file.exists(), "write it down: python -m tests.unit.storage.layouts"
    assert layout.text() == layout.file.read_text(), (
        f"the layout of {layout.name} is another one and its format is still {layout.format}: give"
        " it a new number, read both, and write the old one until the floor says that every release"
        " that may run reads the new one (app/DECISIONS.md, two releases side by side)"
    )


def written() -> Iterator[Story]:
    """Contacts as releases have written them."""
    now = story().contact
    for file in sorted(KEPT.glob("contact-*.json")):
        kept = {name: bytes.fromhex(text) for name, text in json.loads(file.read_text()).items()}
        told = Story()
        told.contact = Contact.stored(
            "default", "crm-1", 1, now.stage, now.seq, kept["state"], kept["log"]
        )
        told.told = len(EVENTS)
        yield told


def test_what_was_written_is_read_whole() -> None:
    for told in written():
        timeline = told.contact.timeline()
        assert sorted((each.type, each.time) for each in timeline if not each.is_timer) == sorted(
            (each.type, each.time) for each in story().contact.timeline() if not each.is_timer
        )


@pytest.mark.parametrize("day", [4.5, 12], ids=["late", "later"])
def test_what_was_written_goes_on_as_if_written_now(day: float) -> None:
    fresh = story()
    told_now = fresh.tell("pricing.requested", day)
    for told in written():
        decision = told.tell("pricing.requested", day)
        assert told.contact.fold == fresh.contact.fold
        assert decision.changes == told_now.changes


def test_what_is_read_is_written_as_it_was() -> None:
    newest = layouts.LAYOUTS[0]
    state = bytes.fromhex(json.loads(newest.sample_file.read_text())["state"])
    assert encode_book(decode_book(state)) == state
