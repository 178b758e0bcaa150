"""A contact's stored state: the fold's state, and the bookkeeping that arrival decides.

Encoded: one byte of format number, then msgpack.
"""

from typing import Final

import msgspec

from app.domain.interaction import Microseconds
from app.domain.state import NEVER, State
from app.errors import Halted

FORMAT: Final = 1
REVISIONS_MAX: Final = 256


class Told(msgspec.Struct, array_like=True, gc=False):
    """What others were last told, or would have been: signals are what differs from it."""

    temperature: str = "cold"
    handoff: tuple[str, str, int, int] | None = None
    """The move of the hand-off that is open for them."""
    nurture: tuple[str, str, int] | None = None
    asked_at: Microseconds | None = None
    notices: list[tuple[str, Microseconds]] = []
    """The latest timers that were told: (name, due)."""
    account: tuple[str | None, str, bool, bool, bool, bool] | None = None
    """(account, stage, is a customer, decides, has an intent, has an open deal)."""
    account_check: Microseconds = NEVER
    """When that may no longer be so though nothing happens: an intent or a fact expires."""


class Link(msgspec.Struct, array_like=True, frozen=True, gc=False, order=True):
    """identity.linked or .unlinked, in folding order: the last one decides."""

    time: Microseconds
    source: str
    id: str
    other: str
    is_link: bool


class Member(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A linked identity, as this one knows it."""

    tag: list[int]
    """The link versions of all it came through: a greater one is newer, whatever way it took."""
    path: list[str]
    """It, and the identities it came through."""
    is_here: bool
    """False: withdrawn."""


class Book(msgspec.Struct, array_like=True, gc=False):
    """The row's log is ``newest steps [checkpoint, older steps, [checkpoint]]``, newest first."""

    state: State
    names: list[str] = []
    """Texts that the log refers to by number; only ever appended to."""
    items: int = 0
    """In the row's log, checkpoints included."""
    steps: int = 0
    """Before the newest checkpoint."""
    mark: int = 0
    """Bytes from the newest checkpoint (included) to the log's end; 0: there is none inside."""
    mark_items: int = 0
    older: int = 0
    """Bytes after that checkpoint to the log's end: what is sealed next."""
    mark_time: Microseconds = 0
    chunks: int = 0
    sealed_time: Microseconds = 0
    """Of the newest sealed step."""
    sealed_ids: bytes = b""
    revisions: dict[str, int] = {}
    """How often a transition was revoked or corrected."""
    revisions_floor: int = 0
    """Of the transitions that no longer have a place in `revisions`."""
    is_heard_open: bool = False
    """The last record on the opportunities topic said that there is one."""
    told: Told = msgspec.field(default_factory=Told)
    backfilled_until: Microseconds = 0
    """Timers wait until then: an import must not recycle between its own rows."""
    generation: int = 0
    """Of the model timeline it was folded under."""
    links: list[Link] = []
    primary: str | None = None
    """The identity that this one's evidence is folded under; it has no state of its own then."""
    link_version: int = 0
    """Counts the changes of `primary`."""
    cycle: list[str] = []
    """The identities that link to one another in a ring of which this one is the root."""
    members: dict[str, Member] = {}
    """Identities whose evidence is folded here."""
    retracted: list[tuple[str, str]] = []
    """(source, id) of interactions that do not count, also before they arrive: the newest."""

    def revision(self, transition_id: str) -> int:
        return self.revisions.get(transition_id, self.revisions_floor)

    def revise(self, transition_id: str) -> None:
        """Count a revocation or correction. Bounded: the oldest fall under a common floor."""
        self.revisions[transition_id] = self.revision(transition_id) + 1
        while len(self.revisions) > REVISIONS_MAX:
            dropped = self.revisions.pop(next(iter(self.revisions)))
            self.revisions_floor = max(self.revisions_floor, dropped + 1)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Book).decode
_PREFIX: Final = bytes((FORMAT,))


def encode_book(book: Book) -> bytes:
    return _PREFIX + _encode(book)


def decode_book(encoded: bytes) -> Book:
    """Raises Halted for a format that this release does not read."""
    if encoded[0] != FORMAT:
        raise Halted(
            f"a contact's state has format {encoded[0]}, this release reads {FORMAT}:"
            " run the release that wrote it, or a newer one"
        )
    return _decode(encoded[1:])
