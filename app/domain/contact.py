"""A contact in memory: its encoded form, decoded while a batch works on it.

Between batches only `state` and `log` bytes are kept, exactly as stored, so a cached contact is
small and going back is dropping the decoded form.
"""

from typing import Final

from app.domain.book import Book, decode_book, encode_book
from app.domain.changes import ContactChange, SealedChunk
from app.domain.entry import Entry
from app.domain.evidence_log import EvidenceLog
from app.domain.interaction import Interaction, Microseconds
from app.domain.log import Logged, unpack
from app.domain.state import NEVER, NONE, State

_OVERHEAD_BYTES: Final = 320


class Contact:
    """Owned by one lane. Call `take_change` once per batch, `rollback` after a failed rule."""

    __slots__ = (
        "_evidence", "_loaded", "_log", "_state", "_stored_seq", "_stored_stage", "contact_id",
        "seq", "stage", "tenant", "version",
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
        self.stage = self._stored_stage = stage
        self.seq = self._stored_seq = seq
        self._state = state
        self._log = log
        self._loaded: list[bytes] | None = None
        self._evidence: EvidenceLog | None = None

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
        """As a row has it. Raises Halted, at the first question, if its format is unknown."""
        return cls(tenant, contact_id, version, stage, seq, state, log)

    @property
    def size_bytes(self) -> int:
        """Of the encoded form, as kept between batches."""
        texts = len(self.tenant) + len(self.contact_id)
        return _OVERHEAD_BYTES + texts + len(self._state) + len(self._log)

    @property
    def evidence(self) -> EvidenceLog:
        """The decoded form; changes to it last until `take_change` or `rollback`."""
        evidence = self._evidence
        if evidence is None:
            book = decode_book(self._state) if self._state else Book(State())
            evidence = self._evidence = EvidenceLog(book, self._log, self._loaded)
        return evidence

    @property
    def book(self) -> Book:
        return self.evidence.book

    @property
    def fold(self) -> State:
        """The fold's state after the last interaction."""
        return self.evidence.book.state

    @property
    def check_at(self) -> Microseconds | None:
        """When to look for due timers, by the wall clock: no later than the next due, but after an
        import has come to rest."""
        book = self.evidence.book
        due = min(book.state.next_due, book.told.account_check)
        return None if due >= NEVER else max(due, book.backfilled_until)

    def needs_sealed(self, interaction: Interaction) -> bool:
        """Deciding needs the sealed chunks: it belongs into them, or may be a copy of one there."""
        evidence = self._evidence or self.evidence
        # most contacts have none
        return evidence.book.chunks > 0 and evidence.needs_sealed(interaction)

    def load_sealed(self, chunks: list[bytes]) -> None:
        """Every chunk as stored, in order."""
        self._loaded = chunks
        self.evidence.load_sealed(chunks)

    def timeline(self) -> list[Entry]:
        """The entries of the row's log, newest first."""
        evidence = self.evidence
        names = evidence.book.names
        return [unpack(item, names) for item in evidence.items() if type(item) is Logged]

    def take_change(self) -> tuple[ContactChange, list[SealedChunk]] | None:
        """What to store since the last call, or None; the contact is then clean again."""
        evidence = self._evidence
        self._evidence = self._loaded = None
        if evidence is None or (
            not evidence.is_changed and evidence.kept == len(evidence.log) == len(self._log)
        ):
            return None
        log, kept = evidence.log, evidence.kept
        book = evidence.book
        due = min(book.state.next_due, book.told.account_check)
        state = encode_book(book)
        change = ContactChange(
            self.tenant,
            self.contact_id,
            self.version,
            self.stage,
            self.seq,
            None if due >= NEVER else max(due, book.backfilled_until),
            state,
            log[: len(log) - kept],
            kept,
            b"",
        )
        self.version += 1
        self._stored_stage, self._stored_seq = self.stage, self.seq
        self._state, self._log = state, log
        if not evidence.sealed:
            return change, []
        return change, [
            SealedChunk(self.tenant, self.contact_id, number, body)
            for number, body in sorted(evidence.sealed.items())
        ]

    def forget(self, stage: str) -> None:
        """Nothing is left but the stage; there is nothing to store any more."""
        self.stage = self._stored_stage = stage
        self.version = self.seq = self._stored_seq = 0
        self._state = self._log = b""
        self._evidence = self._loaded = None

    def rollback(self) -> None:
        """Back to the last stored form; chunks that were loaded stay."""
        self.stage, self.seq = self._stored_stage, self._stored_seq
        self._evidence = None
