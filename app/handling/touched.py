"""A contact in a batch: what was decided about it, in order."""

from collections.abc import Sequence

from app.domain.account import AccountInput
from app.domain.account_telling import tell_account
from app.domain.changes import Cause, Change, Command, Signal
from app.domain.decide import Decision, decide
from app.domain.erasure import Erasure
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.listing import marks_of
from app.domain.timeline import Ruling
from app.handling.cache import Entry


class Touched:
    __slots__ = (
        "changes", "commands", "entry", "erasure", "items", "ruling", "signals", "snapshot_asked",
        "snapshot_due", "words",
    )  # fmt: skip

    def __init__(self, entry: Entry, ruling: Ruling) -> None:
        self.entry = entry
        self.ruling = ruling
        """What decides about it in this batch."""
        self.items: list[tuple[Interaction, Address]] = []
        self.changes: list[Change] = []
        self.signals: list[Signal] = []
        self.commands: list[Command] = []
        self.words: list[AccountInput] = []
        self.snapshot_due = False
        self.snapshot_asked = False
        """By itself, whether anything is decided or not."""
        self.erasure: Erasure | None = None

    def mark(self) -> None:
        """Note its place in the lists, before anything changes it."""
        if self.entry.marks is None:
            self.entry.marks = marks_of(self.entry.contact.book)

    @property
    def said(self) -> Sequence[Change | Signal]:
        """A signal after the change it belongs to: on a topic that carries both seq never falls."""
        if not self.signals:
            return self.changes
        return sorted([*self.changes, *self.signals], key=lambda each: each.seq)

    def add(self, item: Interaction, address: Address, decision: Decision) -> None:
        self.items.append((item, address))
        self.told(decision)

    def told(self, decision: Decision) -> None:
        if decision.snapshot_due:
            self.changes += decision.changes
            self.snapshot_due = True
        if decision.signals:
            self.signals += decision.signals
        if decision.commands:
            self.commands += decision.commands

    def erased(self, erasure: Erasure) -> None:
        self.erasure = erasure
        self.changes.append(erasure.change)
        if erasure.withdrawn is not None:
            self.signals.append(erasure.withdrawn)
        self.commands += erasure.commands
        self.words += erasure.words

    def tell_account(self, horizon: Microseconds) -> None:
        """After all that was decided."""
        cause = None
        if self.items:
            item = self.items[-1][0]
            cause = Cause(item.id, item.source, item.type)
        self.words += tell_account(self.entry.contact, self.ruling, horizon, self.changes, cause)

    def redo(self, horizon: Microseconds) -> None:
        """After a rule failed half-way: back to the start of the batch, then again without it."""
        items, self.items = self.items, []
        self.changes, self.signals, self.commands = [], [], []
        self.snapshot_due = False
        self.entry.contact.rollback()
        for item, address in items:
            self.add(item, address, decide(self.entry.contact, item, address, self.ruling, horizon))
