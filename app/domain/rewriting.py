"""Folding again: late interactions, retractions and links rewrite what was folded before."""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from app.domain.changes import Verdict
from app.domain.contact import Contact
from app.domain.decision import IGNORED, LATE, Decision
from app.domain.entry import FUNNEL, RETRACTED, STALE, Entry, Key
from app.domain.evidence_log import EvidenceLog
from app.domain.firing import Fired, fire_until, mind_the_next_model
from app.domain.fold import Made, step
from app.domain.history import standing
from app.domain.interaction import Microseconds
from app.domain.publishing import Publisher, base_of
from app.domain.signals import Teller, notices
from app.domain.state import NEVER
from app.domain.timeline import Ruling
from app.domain.views import viewer

ACTIVATED: Final = "model.activated"
SNAPSHOT_REQUESTED: Final = "snapshot.requested"
"""Of a contact: say once more how it is. Neither is an interaction."""
START: Final[Key] = (-(1 << 62), "", "", "")
"""Before every entry."""


def decide_again(
    contact: Contact,
    cause: Entry,
    since: Key,
    rules: Ruling,
    traceparent: str | None = None,
    *,
    added: Iterable[Entry] = (),
    keeps: Callable[[Entry], bool] | None = None,
) -> Decision:
    """Fold again from before `since`, with `added`, and without what `keeps` denies; tell what
    that changed. The sealed chunks are loaded if the contact has any.
    """
    evidence = contact.evidence
    until = evidence.book.state.head_time
    past = evidence.rewind(since)
    before, base = standing(past, evidence.book.names), base_of(contact)
    entries = [entry for entry, _ in past if not entry.is_timer and (not keeps or keeps(entry))]
    entries = sorted([*entries, *added], key=lambda entry: entry.key)
    after, fired = fold_again(evidence, entries, until, rules)
    state = evidence.book.state
    in_force = rules.at(state.head_time)
    publisher = Publisher(contact, viewer(state, in_force, state.head_time), traceparent)
    publisher.rewritten(before, after, base, cause)
    contact.stage = state.stage
    evidence.is_changed = True
    # Those of long ago were told in their time, or are too old to act on.
    recent = [each for each in notices(fired) if cause.arrived_at - each.due <= STALE]
    signals = Teller(contact, cause, in_force, traceparent).tell(recent)
    kind = in_force.types.get(cause.type)
    if not publisher.changes and not signals and (kind is None or not kind.is_telling):
        return LATE
    return Decision(Verdict.LATE, publisher.changes, True, signals)


def fold_again(
    evidence: EvidenceLog, entries: Iterable[Entry], until: Microseconds, rules: Ruling
) -> tuple[list[Made], list[Fired]]:
    """The steps, with the timers between them, and those due up to the old head."""
    book = evidence.book
    after: list[Made] = []
    fired: list[Fired] = []

    def fire(moment: Microseconds) -> None:
        for each in fire_until(book.state, moment, rules):
            fired.append(each)
            if each.made:
                evidence.append_timer(each.entry, each.made)
                after.extend(each.made)

    for entry in entries:
        if book.retracted and entry.member is None and (entry.source, entry.id) in book.retracted:
            entry = msgspec.structs.replace(entry, flags=entry.flags | RETRACTED)
        if book.primary is not None:
            rest(evidence, entry)
            continue
        fire(entry.time)
        made = step(book.state, entry, rules.at(entry.time))
        mind_the_next_model(book.state, rules)
        evidence.append(entry, made)
        after += made
    if book.primary is None:
        fire(until)
    return after, fired


def rest(evidence: EvidenceLog, entry: Entry) -> None:
    """Log an interaction of a linked identity: its primary folds it."""
    state = evidence.book.state
    state.head_time, state.next_due = entry.time, NEVER
    evidence.append(entry, ())


def bring_up_to_date(contact: Contact, rules: Ruling) -> Decision:
    """After an activation: fold all history again, or look at the timers once more."""
    book = contact.evidence.book
    was, book.generation = book.generation, rules.generation
    if not book.items and not book.chunks:
        return IGNORED
    contact.evidence.is_changed = True
    state = book.state
    if rules.refolded <= was:
        if book.primary is None:
            state.next_due = min(state.next_due, state.head_time)
        return IGNORED
    cause = Entry(state.head_time, FUNNEL, ACTIVATED, ACTIVATED, 0, state.head_time, 0, 0)
    return decide_again(contact, cause, START, rules)


def needs_all(contact: Contact, rules: Ruling) -> bool:
    """Its sealed chunks are needed: all of it is to be folded again."""
    book = contact.evidence.book
    return book.chunks > 0 and book.generation < rules.refolded
