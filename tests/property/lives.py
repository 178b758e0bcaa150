"""A contact's life as a lane leads it: interactions arrive, timers fire by the clock in between."""

from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain.book import decode_book
from app.domain.changes import Change
from app.domain.contact import Contact
from app.domain.decide import decide, decide_due, view
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.listing import Listing, listing_of, marks_of
from app.domain.rules import Rules
from app.domain.shadow import Evidence
from tests.property.arrivals import HOUR, START, interactions

DAY = 24 * HOUR
MOMENTS = st.sampled_from([START + hours * HOUR for hours in (0, 1, 24, 49, 500, 3_000, 9_000)])
Life = tuple[list[Interaction], dict[int, Microseconds]]
"""What arrives, and after which of it the clock stands where."""


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Some arrive too late to be told, some are imported."""
    arrived = [
        replace(
            each,
            arrived_at=each.time + draw(st.sampled_from((0, 0, HOUR, 8 * DAY))),
            is_backfill=draw(st.integers(0, 5)) == 0,
        )
        for each in draw(interactions())
    ]
    clocks = draw(st.dictionaries(st.integers(0, len(arrived)), MOMENTS, max_size=4))
    return arrived, clocks


class Row:
    """Stored after every step, so that each is a batch of its own."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.state = self.log = b""
        self.chunks: dict[int, bytes] = {}
        self.changes: list[Change] = []
        self._contact = Contact.new("default", "crm-1")
        self._told = 0
        self._marks = marks_of(self._contact.book)
        self.listing: Listing | None = None
        """As lists have it: written when the marks say so."""

    def live(self, life: Life) -> "Row":
        arrived, clocks = life
        for n, each in enumerate(arrived):
            self.tell(each)
            if n in clocks:
                self.look(clocks[n])
        return self

    def tell(self, each: Interaction) -> None:
        contact = self._contact
        if contact.needs_sealed(each):
            contact.load_sealed(self.sealed)
        self._told += 1
        decision = decide(contact, each, Address(self._told, 0), self.rules, each.time)
        self._store(decision.changes)

    def look(self, now: Microseconds) -> None:
        """The timers that are due by the clock."""
        self._store(decide_due(self._contact, self.rules, now).changes)

    @property
    def sealed(self) -> list[bytes]:
        return [self.chunks[n] for n in sorted(self.chunks)]

    @property
    def stage(self) -> str:
        return self._contact.stage

    @property
    def check_at(self) -> Microseconds | None:
        return self._contact.check_at

    def evidence(self) -> Evidence:
        book = decode_book(self.state)
        return Evidence("default", "crm-1", book, self.log, self.sealed[: book.chunks])

    def _store(self, changes: list[Change]) -> None:
        self.changes += changes
        self._list()
        taken = self._contact.take_change()
        if taken is None:
            return
        change, sealed = taken
        self.state = change.state
        self.log = change.log_head + self.log[: change.log_keep] + change.log_tail
        self.chunks |= {chunk.chunk: chunk.body for chunk in sealed}
        version = self._contact.version
        self._contact = Contact.stored(
            "default", "crm-1", version, change.stage, change.seq, self.state, self.log
        )

    def _list(self) -> None:
        contact = self._contact
        marks = marks_of(contact.book)
        if marks != self._marks:
            self._marks = marks
            at = contact.fold.head_time
            self.listing = listing_of("crm-1", contact.fold, view(contact, self.rules, at))
