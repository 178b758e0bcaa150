"""A contact in memory: its encoded form, decoded while a batch works on it.

Between batches only `state` and `log` bytes are kept, exactly as stored, so a cached contact is
small and going back is dropping the decoded form.
"""

from collections.abc import Sequence
from typing import Final

from app.domain.book import Book, decode_book, encode_book
from app.domain.changes import ContactChange, SealedChunk
from app.domain.entry import Entry
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
from app.domain.state import NONE, State

SECTION_STEPS: Final = 20
"""Steps between two checkpoints; a row keeps up to two sections, older ones are sealed."""
_OVERHEAD_BYTES = 360

Key = tuple[int, str, str]
Past = list[tuple[Entry, Logged | None]]
"""Entries in folding order, each with the step as logged (None: it is new)."""


class Contact:
    """Owned by one lane. Call `take_change` once per batch, `rollback` after a failed rule."""

    __slots__ = (
        "_book", "_chunks", "_kept", "_loaded", "_log", "_row_log", "_row_seq", "_row_stage",
        "_row_state", "_sealed", "contact_id", "seq", "stage", "tenant", "version",
    )  # fmt: skip

    def __init__(
        self,
        tenant: str,
        contact_id: str,
        version: int,
        stage: str,
        seq: int,
        state: bytes,
        log: bytes,
    ) -> None:
        self.tenant = tenant
        self.contact_id = contact_id
        self.version = version
        self.stage = stage
        self.seq = seq
        self._row_stage = stage
        self._row_seq = seq
        self._row_state = state
        self._row_log = log
        self._loaded: list[bytes] | None = None
        self._forget()

    def _forget(self) -> None:
        self._book: Book | None = None
        self._log = self._row_log
        self._kept = len(self._row_log)
        self._sealed: dict[int, bytes] | None = None
        self._chunks: list[bytes] | None = None

    @classmethod
    def new(cls, tenant: str, contact_id: str) -> "Contact":
        return cls(tenant, contact_id, 0, NONE, 0, b"", b"")

    @classmethod
    def stored(
        cls,
        tenant: str,
        contact_id: str,
        version: int,
        stage: str,
        seq: int,
        state: bytes,
        log: bytes,
    ) -> "Contact":
        return cls(tenant, contact_id, version, stage, seq, state, log)

    @property
    def size_bytes(self) -> int:
        """Of the encoded form, as kept between batches."""
        return (
            _OVERHEAD_BYTES
            + len(self._row_state)
            + len(self._row_log)
            + len(self.tenant)
            + len(self.contact_id)
        )

    @property
    def book(self) -> Book:
        book = self._book
        if book is None:
            book = decode_book(self._row_state) if self._row_state else Book(State())
            self._book = book
        return book

    @property
    def fold(self) -> State:
        """The fold's state after the last interaction."""
        return self.book.state

    # The sealed past

    def needs_sealed(self, interaction: Interaction) -> bool:
        """Deciding needs the sealed chunks: it belongs into them, or may be a copy of one there."""
        book = self.book
        if not book.chunks or self._loaded is not None:
            return False
        if interaction.time <= book.sealed_time:
            return True
        fingerprint = fingerprint_of(interaction.source, interaction.id)
        return may_contain(book.sealed_ids, fingerprint)

    def load_sealed(self, chunks: list[bytes]) -> None:
        """Every chunk as stored, in order."""
        self._loaded = chunks

    def _sealed_chunks(self) -> list[bytes]:
        """As stored, with what this batch sealed laid over."""
        if self._chunks is None:
            book, sealed = self.book, self._sealed or {}
            assert self._loaded is not None, "needs_sealed said so"
            stored = dict(enumerate(self._loaded)) | sealed
            self._chunks = [stored[number] for number in range(book.chunks)]
        return self._chunks

    # Questions to the log

    def has_seen(self, source: str, event_id: str) -> bool:
        """A step of this identity is in the log."""
        book = self.book
        needle = needle_of(source, event_id, book.names)
        if needle in self._log and self._holds(self.items(), source, event_id):
            return True
        if not book.chunks or self._loaded is None:
            return False
        return any(
            needle in chunk and self._holds(decode_chunk(chunk), source, event_id)
            for chunk in self._sealed_chunks()
        )

    def _holds(self, items: list[Item], source: str, event_id: str) -> bool:
        names = self.book.names
        return any(
            type(item) is Logged and item.id == event_id and text_of(item.source, names) == source
            for item in items
        )

    def is_before_head(self, entry: Entry) -> bool:
        """Of an entry at the head's time: it sorts before the last folded interaction."""
        newest = self.items()[0]
        if type(newest) is Checkpoint:
            return entry.key < newest.key
        assert type(newest) is Logged
        return entry.key < (newest.time, text_of(newest.source, self.book.names), newest.id)

    def items(self) -> list[Item]:
        """The row's log, newest first."""
        return decode_items(self.book.items, self._log)

    def timeline(self) -> list[Entry]:
        """The entries of the row's log, newest first; `chunk_entries` reads the sealed ones."""
        names = self.book.names
        return [unpack(item, names) for item in self.items() if type(item) is Logged]

    # Writing the log

    def append(self, entry: Entry, made: Sequence[Made]) -> None:
        """Log a step that has been folded; in folding order only."""
        book = self.book
        self._log = pack(entry, made, book.names) + self._log
        book.items += 1
        book.steps += 1
        if book.steps >= SECTION_STEPS:
            self._close_section(entry)

    def _close_section(self, entry: Entry) -> None:
        """Put a checkpoint on top; what is behind the one before it is sealed."""
        book = self.book
        if book.mark:
            self._seal()
        checkpoint = encode(Checkpoint(entry.time, entry.source, entry.id, book.state))
        book.older = len(self._log)
        self._log = checkpoint + self._log
        book.items += 1
        book.steps = 0
        book.mark = len(self._log)
        book.mark_items = book.items
        book.mark_time = entry.time

    def _seal(self) -> None:
        book = self.book
        at = len(self._log) - book.older
        count = book.mark_items - 1
        body = array_header(count) + self._log[at:]
        self._log = self._log[:at]
        self._kept = max(0, self._kept - book.older)
        if self._sealed is None:
            self._sealed = {}
        self._sealed[book.chunks] = body
        if self._chunks is not None:
            self._chunks.append(body)
        book.chunks += 1
        book.items -= count
        book.sealed_time = book.mark_time
        names = book.names
        book.sealed_ids = with_added(
            book.sealed_ids,
            [
                fingerprint_of(text_of(item.source, names), item.id)
                for item in decode_chunk(body)
                if type(item) is Logged
            ],
        )

    def rewind(self, key: Key) -> Past:
        """Go back to the checkpoint before `key`; the steps after it, oldest first.

        State and log are then as they were there: fold and append the steps again.
        """
        book = self.book
        items = self.items()
        self._kept = 0
        if book.mark:
            checkpoint = items[book.steps]
            assert type(checkpoint) is Checkpoint
            if key > checkpoint.key:
                self._log = self._log[len(self._log) - book.mark :]
                book.items, steps = book.mark_items, items[: book.steps]
                book.state, book.steps = checkpoint.state, 0
                return self._past(steps)
        base = items[-1]
        if type(base) is Logged:
            return self._restart(None, items, 0)
        assert type(base) is Checkpoint
        chunk = book.chunks
        while key < base.key:
            chunk -= 1
            older = decode_chunk(self._sealed_chunks()[chunk])
            items += older
            if type(older[-1]) is Logged:
                return self._restart(None, items, 0)
            assert type(older[-1]) is Checkpoint
            base = older[-1]
        return self._restart(base, items, chunk)

    def _restart(self, base: Checkpoint | None, items: list[Item], chunks: int) -> Past:
        book = self.book
        self._log = b"" if base is None else encode(base)
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

    # The stored form

    def take_change(self) -> tuple[ContactChange, list[SealedChunk]] | None:
        """What to store since the last call, or None; the contact is then clean again."""
        book, log, kept = self._book, self._log, self._kept
        if book is None or (kept == len(log) == len(self._row_log)):
            self._loaded = None
            self._forget()
            return None
        state = encode_book(book)
        change = ContactChange(
            self.tenant,
            self.contact_id,
            self.version,
            self.stage,
            self.seq,
            None,
            state,
            log[: len(log) - kept],
            kept,
            b"",
        )
        sealed = []
        if self._sealed:
            sealed = [
                SealedChunk(self.tenant, self.contact_id, number, body)
                for number, body in sorted(self._sealed.items())
            ]
        self.version += 1
        self._row_stage, self._row_seq = self.stage, self.seq
        self._row_state, self._row_log = state, log
        self._loaded = None
        self._forget()
        return change, sealed

    def rollback(self) -> None:
        """Back to the last stored form; chunks that were loaded stay."""
        self.stage, self.seq = self._row_stage, self._row_seq
        self._forget()
