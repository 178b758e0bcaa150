"""From moves to numbered records: what the fold now says against what was published."""

from typing import Literal

import msgspec

from app.domain.changes import Cause, Change, View
from app.domain.contact import Contact
from app.domain.entry import Entry
from app.domain.fold import Made
from app.domain.history import Identity, Standing, identity_of, transition_id
from app.domain.log import digest_of
from app.domain.state import NONE, OPPORTUNITY
from app.domain.views import ViewOf

Signal = Literal["became", "closed", "revoked"]


class Publisher:
    """Writes the records of one decision, in order, into `changes`."""

    def __init__(self, contact: Contact, view_of: ViewOf, traceparent: str | None) -> None:
        self.contact = contact
        self.book = contact.evidence.book
        self.view_of = view_of
        self.traceparent = traceparent
        self.changes: list[Change] = []

    def made(self, move: Made) -> None:
        """In order: the stage that holds is where it leads."""
        view = self.view_of(move.to_stage, move.cycle, move.is_customer)
        self._write("changed", move, view, False)

    def _write(
        self, kind: Literal["changed", "corrected"], move: Made, view: View, is_late: bool
    ) -> None:
        entry, contact = move.entry, self.contact
        from_stage, to_stage, cycle = move.from_stage, move.to_stage, move.cycle
        identity = from_stage, to_stage, cycle, move.n
        tid = transition_id(contact.tenant, contact.contact_id, identity)
        signal: Signal | None = None
        if kind == "changed":
            if to_stage == OPPORTUNITY:
                signal = "became"
            elif from_stage == OPPORTUNITY:
                signal = "closed"
        fields = entry.fields
        actor = fields.get("actor") if fields else None
        cause = Cause(
            entry.id,
            entry.source,
            entry.type,
            move.inferred,
            actor if isinstance(actor, str) else None,
        )
        contact.seq += 1
        self.changes.append(
            Change(
                kind,
                contact.seq,
                self.book.revision(tid),
                tid,
                move.transition,
                from_stage,
                to_stage,
                cycle,
                entry.time,
                is_late,
                cause,
                move.guards,
                move.evidence,
                view,
                move.model,
                None,
                self.traceparent,
                signal,
                move.outcome if signal == "closed" else None,
            )
        )
        if kind == "corrected":
            self.book.revise(tid)
        if signal is not None:
            self._hear(signal)

    def _revoke(self, gone: Standing, cause: Cause, view: View) -> None:
        tid = self._id_of(gone.identity)
        signal: Signal | None = "revoked" if gone.to_stage == OPPORTUNITY else None
        self.contact.seq += 1
        self.changes.append(
            Change(
                "revoked",
                self.contact.seq,
                self.book.revision(tid),
                tid,
                gone.transition,
                gone.from_stage,
                gone.to_stage,
                gone.cycle,
                gone.effective_at,
                True,
                cause,
                (),
                (),
                view,
                gone.model,
                tid,
                self.traceparent,
                signal,
            )
        )
        self.book.revise(tid)
        self._hear(signal)

    def _id_of(self, move: Identity) -> str:
        return transition_id(self.contact.tenant, self.contact.contact_id, move)

    def _hear(self, signal: Signal | None) -> None:
        if signal is not None:
            self.book.is_heard_open = signal == "became"

    def rewritten(
        self, before: list[Standing], after: list[Made], base: tuple[str, int], late: Entry
    ) -> None:
        """History changed: revocations newest first, then what is new or corrected, oldest first.

        `base` is (stage, cycle) before the first of these moves. Every record's view has the
        stage of the last move that stands once the record is read.
        """
        now = {identity_of(move): move for move in after}
        place = {identity: i for i, identity in enumerate(now)}
        left = [move.identity for move in before]
        cause = Cause(late.id, late.source, late.type)
        for gone in reversed(before):
            if gone.identity not in now:
                left.remove(gone.identity)
                self._revoke(gone, cause, self._view(left[-1] if left else None, base, now))
        published = {move.identity: move.digest for move in before}
        last = max((identity for identity in left), key=place.__getitem__, default=None)
        for identity, move in now.items():
            digest = published.get(identity)
            if digest is None:
                if last is None or place[identity] > place[last]:
                    last = identity
                self._write("changed", move, self._view(last, base, now), True)
            elif digest != digest_of(move):
                self._write("corrected", move, self._view(last, base, now), True)
        if self.changes or before:
            self._settle(after, base)

    def _view(
        self, last: Identity | None, base: tuple[str, int], now: dict[Identity, Made]
    ) -> View:
        stage, cycle = base if last is None else (last[1], last[2])
        move = now.get(last) if last is not None else None
        is_customer = self.contact.fold.is_customer if move is None else move.is_customer
        return self.view_of(stage, cycle, is_customer)

    def _settle(self, after: list[Made], base: tuple[str, int]) -> None:
        """A reader of opportunities alone must end with the truth, too."""
        stage = after[-1].to_stage if after else base[0]
        is_open = stage == OPPORTUNITY
        if is_open == self.book.is_heard_open or not self.changes:
            return
        if self.changes[-1].opportunity is not None:
            if not after:
                return
            move = after[-1]
            view = self.view_of(move.to_stage, move.cycle, move.is_customer)
            self._write("corrected", move, view, True)
        ended = next((m for m in reversed(after) if m.from_stage == OPPORTUNITY), None)
        self.changes[-1] = msgspec.structs.replace(
            self.changes[-1],
            opportunity="became" if is_open else "closed",
            outcome=None if is_open or ended is None else ended.outcome,
        )
        self.book.is_heard_open = is_open


def base_of(contact: Contact) -> tuple[str, int]:
    """(stage, cycle) where the fold stands now: before the moves to come."""
    return contact.fold.stage or NONE, contact.fold.cycle
