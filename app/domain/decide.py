"""One interaction, or a due timer, one decision: the whole of the domain as the lane sees it."""

from bisect import insort
from collections.abc import Sequence
from typing import Final

import msgspec

from app.domain.calendar import SECOND
from app.domain.changes import Change, Signal, Verdict
from app.domain.contact import Contact
from app.domain.entry import BACKFILL, RETRACTED, Entry, entry_of
from app.domain.evidence_log import RETRACTION, Key, Past
from app.domain.explanation import Explanation, ways_out
from app.domain.firing import Fired, fire_until
from app.domain.fold import Made, step
from app.domain.history import standing
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.publishing import Publisher, base_of
from app.domain.rules import Rules
from app.domain.signals import Notice, Teller, is_news
from app.domain.state import State
from app.domain.timers import WARNINGS
from app.domain.views import is_qualification_needed, view, viewer
from app.errors import RuleError

__all__ = ["Decision", "decide", "decide_due", "explain", "qualification_needed", "view"]

UNRETRACTABLE: Final = frozenset((RETRACTION, "privacy.erasure_requested"))
IMPORT_REST: Final = 60 * SECOND
"""A contact's timers wait so long after its last backfilled interaction."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    verdict: Verdict
    changes: list[Change]
    """To record and publish, in order."""
    snapshot_due: bool
    """Stage, temperature, facts, owner or account may look different to others."""
    signals: Sequence[Signal] = ()
    """To publish after the changes, in order."""


_DUPLICATE = Decision(Verdict.DUPLICATE, [], False)
_IGNORED = Decision(Verdict.IGNORED, [], False)
_APPLIED = Decision(Verdict.APPLIED, [], False)
_LATE = Decision(Verdict.LATE, [], False)
"""Shared: a decision and its changes are only read."""


def decide(
    contact: Contact,
    interaction: Interaction,
    address: Address,
    rules: Rules,
    now: Microseconds,  # noqa: ARG001 - the same for a batch; nothing here depends on it
) -> Decision:
    """Fold one interaction into the contact. The contact's sealed chunks are loaded if needed.

    Raises RuleError; the contact is then half-changed: roll it back.
    """
    kind = rules.types.get(interaction.type)
    if kind is None:
        if rules.ignores_unknown_types:
            return _IGNORED
        raise RuleError(
            f"model {rules.ref} has no interaction type {interaction.type!r}: add it to the model,"
            " or set its knob unknown_type to ignore"
        )
    evidence = contact.evidence
    if evidence.has_seen(interaction.source, interaction.id):
        return _DUPLICATE
    entry = entry_of(interaction, address, kind, rules)
    book = evidence.book
    if book.retracted and (entry.source, entry.id) in book.retracted:
        entry = msgspec.structs.replace(entry, flags=entry.flags | RETRACTED)
    if entry.flags & BACKFILL:
        book.backfilled_until = max(book.backfilled_until, entry.arrived_at + IMPORT_REST)
    head_time = book.state.head_time
    if entry.type == RETRACTION:
        target = _retract(contact, interaction)
        if target is not None:
            return _rewritten(contact, entry, min(target, entry.key), rules, interaction)
    if entry.time < head_time or (entry.time == head_time and evidence.is_before_head(entry)):
        return _rewritten(contact, entry, entry.key, rules, interaction)
    fired: list[Fired] = []
    changes: list[Change] = []
    if entry.time >= book.state.next_due:
        fired = _fire(contact, entry.time, rules, changes)
    in_force = rules.at(entry.time)
    made = step(book.state, entry, in_force)
    evidence.append(entry, made)
    if made:
        changes += _publish(contact, entry.time, made, in_force, interaction.traceparent)
    contact.stage = book.state.stage
    if not changes and not fired and not is_news(book):
        return Decision(Verdict.APPLIED, [], True) if kind.is_telling else _APPLIED
    teller = Teller(contact, entry, in_force, interaction.traceparent)
    return Decision(Verdict.APPLIED, changes, True, teller.tell(_notices(fired)))


def decide_due(contact: Contact, rules: Rules, now: Microseconds) -> Decision:
    """Fire the contact's timers that are due by `now`. With none due: nothing to store."""
    book = contact.evidence.book
    if book.state.next_due > now or book.backfilled_until > now:
        return _IGNORED
    contact.evidence.is_changed = True
    changes: list[Change] = []
    fired = _fire(contact, now, rules, changes)
    contact.stage = book.state.stage
    if not fired:
        return _IGNORED
    cause = fired[-1].entry
    teller = Teller(contact, cause, rules.at(cause.time), None)
    return Decision(Verdict.APPLIED, changes, True, teller.tell(_notices(fired)))


def _fire(
    contact: Contact, until: Microseconds, rules: Rules, changes: list[Change]
) -> list[Fired]:
    """What is due by then, logged and published as it fires."""
    evidence = contact.evidence
    fired = []
    for each in fire_until(evidence.book.state, until, rules):
        fired.append(each)
        if each.made:
            evidence.append_timer(each.entry, each.made)
            in_force = rules.at(each.entry.time)
            changes += _publish(contact, each.entry.time, each.made, in_force, None)
    return fired


def _notices(fired: Sequence[Fired]) -> list[Notice]:
    return [
        Notice(timer.name, timer.due, entry.is_quiet)
        for timer, entry, _ in fired
        if timer.name in WARNINGS
    ]


def _publish(
    contact: Contact, at: Microseconds, made: list[Made], rules: Rules, traceparent: str | None
) -> list[Change]:
    """In order: from the head state."""
    publisher = Publisher(contact, viewer(contact.fold, rules, at), traceparent)
    for move in made:
        publisher.made(move)
    return publisher.changes


def _rewritten(
    contact: Contact, entry: Entry, key: Key, rules: Rules, interaction: Interaction
) -> Decision:
    """Fold again from before `key`, with the entry in its place, and say what that changed."""
    evidence = contact.evidence
    until = evidence.book.state.head_time
    past = evidence.rewind(key)
    before, base = standing(past, evidence.book.names), base_of(contact)
    insort(past, (entry, None), key=lambda each: each[0].key)
    after, fired = _fold_again(contact, past, max(until, entry.time), rules)
    state = evidence.book.state
    in_force = rules.at(state.head_time)
    view_of = viewer(state, in_force, state.head_time)
    publisher = Publisher(contact, view_of, interaction.traceparent)
    publisher.rewritten(before, after, base, entry)
    contact.stage = state.stage
    teller = Teller(contact, entry, in_force, interaction.traceparent)
    signals = teller.tell(_notices(fired))
    kind = rules.types[entry.type]
    if not publisher.changes and not signals and not kind.is_telling:
        return _LATE
    return Decision(Verdict.LATE, publisher.changes, True, signals)


def _fold_again(
    contact: Contact, past: Past, until: Microseconds, rules: Rules
) -> tuple[list[Made], list[Fired]]:
    """The steps, with the timers between them, and those due up to the old head."""
    evidence = contact.evidence
    retracted = evidence.book.retracted
    after: list[Made] = []
    fired: list[Fired] = []

    def fire(state: State, moment: Microseconds) -> None:
        for each in fire_until(state, moment, rules):
            fired.append(each)
            if each.made:
                evidence.append_timer(each.entry, each.made)
                after.extend(each.made)

    for entry, _ in past:
        if entry.is_timer:
            continue
        if retracted and (entry.source, entry.id) in retracted:
            entry = msgspec.structs.replace(entry, flags=entry.flags | RETRACTED)
        fire(evidence.book.state, entry.time)
        made = step(evidence.book.state, entry, rules.at(entry.time))
        evidence.append(entry, made)
        after += made
    fire(evidence.book.state, until)
    return after, fired


def _retract(contact: Contact, interaction: Interaction) -> Key | None:
    """Note that an interaction does not count; its key, if it is there. Some can't be undone."""
    data, evidence = interaction.data, contact.evidence
    source, event_id = str(data.get("event_source")), str(data.get("event_id"))
    found = evidence.find(source, event_id)
    if found is not None and found.type in UNRETRACTABLE:
        return None
    retracted = evidence.book.retracted
    if (source, event_id) not in retracted:
        evidence.book.retracted = [*retracted, (source, event_id)]
    return None if found is None else found.key


def explain(contact: Contact, rules: Rules, at: Microseconds) -> list[Explanation]:
    """Why the contact is not elsewhere: every way out of its stage, with its guards."""
    at = max(at, contact.fold.head_time)
    return ways_out(contact.fold, at, rules.at(at))


def qualification_needed(contact: Contact, rules: Rules, at: Microseconds) -> bool:
    """Someone has to find out the contact's industry: an intent or a stage waits for it."""
    return is_qualification_needed(contact.fold, rules, max(at, contact.fold.head_time))
