"""The evidence log while a batch works on it: the row's bytes, its sections, the sealed chunks."""

from collections.abc import Iterator, Sequence
from typing import Final

from app.domain.book import Book
from app.domain.entry import TIMER, Entry, Key
from app.domain.fold import Made
from app.domain.interaction import Interaction
from app.domain.log import (
    Checkpoint,
    Item,
    Logged,
    array_header,
    decode_chunk,
    decode_items,
    encode,
    needle_of,
    pack,
    text_of,
    unpack,
)
from app.domain.sealed_ids import fingerprint_of, may_contain, with_added
from app.domain.state import State

RETRACTION: Final = "event.retracted"
EVIDENCE: Final = "identity.evidence"
REACHING_BACK: Final = frozenset(
    (RETRACTION, "identity.linked", "identity.unlinked", EVIDENCE, "identity.withdrawn")
)
"""What may rewrite the whole log."""
SECTION_STEPS: Final = 20
"""Steps between two checkpoints; a row keeps up to two sections, older ones are sealed."""

Past = list[tuple[Entry, Logged | None]]
"""Entries in folding order, each with the step as logged (None: it is new)."""


class EvidenceLog:
    """`log` is the row's log as it is now; its last `kept` bytes are the start of the stored one.

    `sealed` are the chunks to store, by number.
    """

    __slots__ = ("_chunks", "_loaded", "book", "is_changed", "kept", "log", "sealed")

    def __init__(self, book: Book, log: bytes, loaded: list[bytes] | None) -> None:
        self.book = book
        self.log = log
        self.kept = len(log)
        self.is_changed = False
        """Something else than the log has: the state, or what others were told."""
        self.sealed: dict[int, bytes] | None = None
        self._loaded = loaded
        self._chunks: list[bytes] | None = None

    # Questions

    def needs_sealed(self, interaction: Interaction) -> bool:
        """It belongs before the row's log, or may be a copy of what is sealed."""
        book = self.book
        if not book.chunks or self._loaded is not None:
            return False
        if interaction.type in REACHING_BACK:
            return not self._is_on_top(interaction)
        if interaction.time <= book.sealed_time:
            return True
        fingerprint = fingerprint_of(interaction.source, interaction.id)
        return may_contain(book.sealed_ids, fingerprint)

    def _is_on_top(self, interaction: Interaction) -> bool:
        """A linked identity's next interactions: neither old, nor copies, nor by another way."""
        data = interaction.data
        known = self.book.members.get(str(data.get("member")))
        if known is None or not known.is_here or known.tag != data.get("tag"):
            return False
        sealed = self.book.sealed_ids
        return interaction.type == EVIDENCE and all(
            time > self.book.sealed_time and not may_contain(sealed, fingerprint_of(source, id_))
            for time, source, id_, *_ in data["entries"]
        )

    def load_sealed(self, chunks: list[bytes]) -> None:
        self._loaded = chunks

    def has_seen(self, source: str, event_id: str, member: str | None = None) -> bool:
        """A step of this interaction is in the log: the contact's own, or a linked identity's."""
        book = self.book
        needle = needle_of(source, event_id, book.names)
        if needle in self.log and self._find(self.items(), source, event_id, member) is not None:
            return True
        if not book.chunks or self._loaded is None:
            return False
        return any(
            needle in chunk
            and self._find(decode_chunk(chunk), source, event_id, member) is not None
            for chunk in self._sealed_chunks()
        )

    def is_before_head(self, entry: Entry) -> bool:
        """Of an entry at the head's time: it sorts before the last folded interaction."""
        names = self.book.names
        for item in self.items():
            if type(item) is Checkpoint:
                return entry.key < item.key
            assert type(item) is Logged
            if not text_of(item.type, names).startswith(TIMER):
                return entry.key < unpack(item, names).key
        return False

    def find(self, source: str, event_id: str) -> Entry | None:
        """The contact's own. The sealed chunks are loaded if there are any."""
        for items in self.pages():
            if (found := self._find(items, source, event_id)) is not None:
                return found
        return None

    def pages(self) -> Iterator[list[Item]]:
        """The whole log, newest first. The sealed chunks are loaded if there are any."""
        yield self.items()
        if self.book.chunks:
            yield from map(decode_chunk, reversed(self._sealed_chunks()))

    def items(self) -> list[Item]:
        """Of the row, newest first."""
        return decode_items(self.book.items, self.log)

    def _find(
        self, items: list[Item], source: str, event_id: str, member: str | None = None
    ) -> Entry | None:
        names = self.book.names
        for item in items:
            if type(item) is Logged and item.id == event_id:
                entry = unpack(item, names)
                if entry.source == source and entry.member == member and not entry.is_timer:
                    return entry
        return None

    def _sealed_chunks(self) -> list[bytes]:
        """As stored, with what this batch sealed laid over."""
        if self._chunks is None:
            stored = dict(enumerate(self._loaded or ())) | (self.sealed or {})
            assert len(stored) >= self.book.chunks, "needs_sealed said so"
            self._chunks = [stored[number] for number in range(self.book.chunks)]
        return self._chunks

    # Forward

    def append(self, entry: Entry, made: Sequence[Made]) -> None:
        """Log a step that has been folded; in folding order only."""
        book = self.book
        self.append_timer(entry, made)
        if book.steps >= SECTION_STEPS:
            self._close_section(entry)

    def append_timer(self, entry: Entry, made: Sequence[Made]) -> None:
        """The same for a timer's. No section ends with one: late interactions sort by their key."""
        book = self.book
        self.log = pack(entry, made, book.names) + self.log
        book.items += 1
        book.steps += 1

    def _close_section(self, entry: Entry) -> None:
        """Put a checkpoint on top; what is behind the one before it is sealed."""
        book = self.book
        if book.mark:
            self._seal()
        last = Checkpoint(entry.time, entry.source, entry.id, book.state, entry.member or "")
        checkpoint = encode(last)
        book.older = len(self.log)
        self.log = checkpoint + self.log
        book.items += 1
        book.steps = 0
        book.mark = len(self.log)
        book.mark_items = book.items
        book.mark_time = entry.time

    def _seal(self) -> None:
        book, names = self.book, self.book.names
        at = len(self.log) - book.older
        count = book.mark_items - 1
        body = array_header(count) + self.log[at:]
        self.log = self.log[:at]
        self.kept = max(0, self.kept - book.older)
        self.sealed = {**(self.sealed or {}), book.chunks: body}
        if self._chunks is not None:
            self._chunks.append(body)
        book.chunks += 1
        book.items -= count
        book.sealed_time = book.mark_time
        steps = [item for item in decode_chunk(body) if type(item) is Logged]
        fingerprints = [fingerprint_of(text_of(step.source, names), step.id) for step in steps]
        book.sealed_ids = with_added(book.sealed_ids, fingerprints)

    # Back

    def rewind(self, key: Key) -> Past:
        """Go back to the checkpoint before `key`; the steps after it, oldest first.

        State and log are then as they were there: fold and append the steps again.
        """
        book = self.book
        items = self.items()
        self.kept = 0
        if book.mark:
            checkpoint = items[book.steps]
            assert type(checkpoint) is Checkpoint
            if key > checkpoint.key:
                self.log = self.log[len(self.log) - book.mark :]
                book.items, steps = book.mark_items, items[: book.steps]
                book.state, book.steps = checkpoint.state, 0
                return self._past(steps)
        chunk = book.chunks
        base = items[-1] if items else None
        while type(base) is Checkpoint and key <= base.key:  # a retracted step goes, too
            chunk -= 1
            items += decode_chunk(self._sealed_chunks()[chunk])
            base = items[-1]
        return self._restart(base if type(base) is Checkpoint else None, items, chunk)

    def _restart(self, base: Checkpoint | None, items: list[Item], chunks: int) -> Past:
        """Begin again after `base` (None: from nothing), with so many chunks left."""
        book = self.book
        self.log = b"" if base is None else encode(base)
        book.items = 0 if base is None else 1
        book.steps = book.mark = book.mark_items = book.older = book.mark_time = 0
        book.state = State() if base is None else base.state
        book.sealed_time = 0 if base is None else base.time
        if chunks < book.chunks:
            del self._sealed_chunks()[chunks:]
            book.chunks = chunks
        return self._past(items)

    def _past(self, items: list[Item]) -> Past:
        names = self.book.names
        return [(unpack(item, names), item) for item in reversed(items) if type(item) is Logged]
