"""One interaction, or a due timer, one decision: the whole of the domain as the lane sees it."""

import msgspec

from app.domain.changes import Change, Verdict
from app.domain.contact import Contact
from app.domain.decision import APPLIED, DUPLICATE, IGNORED, Decision, joined
from app.domain.entry import RETRACTED, Entry, entry_of
from app.domain.explanation import Explanation, ways_out
from app.domain.firing import Fired, fire_until, mind_the_next_model
from app.domain.fold import Made, step
from app.domain.identity import VISITOR
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.linking import (
    decide_command,
    decide_of_linked,
    note_import,
    reaches_back,
    visitor_links,
)
from app.domain.publishing import Publisher
from app.domain.rewriting import bring_up_to_date, decide_again, needs_all
from app.domain.signals import Teller, is_news, notices
from app.domain.timeline import Ruling
from app.domain.views import is_qualification_needed, view, viewer
from app.errors import RuleError

__all__ = [
    "Decision", "decide", "decide_due", "explain", "needs_all", "qualification_needed", "view",
]  # fmt: skip


def decide(
    contact: Contact,
    interaction: Interaction,
    address: Address,
    rules: Ruling,
    now: Microseconds,  # noqa: ARG001 - the same for a batch; nothing here depends on it
) -> Decision:
    """Fold one interaction into the contact. The contact's sealed chunks are loaded if needed.

    Raises RuleError; the contact is then half-changed: roll it back.
    """
    if contact.evidence.book.generation != rules.generation:
        before = bring_up_to_date(contact, rules)
        return joined(before, _decide(contact, interaction, address, rules))
    return _decide(contact, interaction, address, rules)


def _decide(
    contact: Contact, interaction: Interaction, address: Address, rules: Ruling
) -> Decision:
    in_force = rules.at(interaction.time)
    kind = in_force.types.get(interaction.type)
    if kind is None:
        if in_force.ignores_unknown_types:
            return IGNORED
        raise RuleError(
            f"model {in_force.ref} has no interaction type {interaction.type!r}: add it to the"
            " model, or set its knob unknown_type to ignore"
        )
    evidence = contact.evidence
    if evidence.has_seen(interaction.source, interaction.id):
        return DUPLICATE
    entry = entry_of(interaction, address, kind, in_force)
    book = evidence.book
    if book.retracted and (entry.source, entry.id) in book.retracted:
        entry = msgspec.structs.replace(entry, flags=entry.flags | RETRACTED)
    note_import(contact, entry, entry.arrived_at)
    traceparent = interaction.traceparent
    if kind.is_command and reaches_back(entry):
        decided = decide_command(contact, entry, interaction, rules)
        if type(decided) is Decision:
            return decided
        assert type(decided) is Entry
        entry = decided
    if book.primary is not None:
        return decide_of_linked(contact, entry, rules)
    head_time = book.state.head_time
    if entry.time < head_time or (entry.time == head_time and evidence.is_before_head(entry)):
        decision = decide_again(contact, entry, entry.key, rules, traceparent, added=(entry,))
    else:
        decision = _decide_in_order(contact, entry, rules, traceparent)
    if entry.fields is not None and VISITOR in entry.fields and entry.member is None:
        return msgspec.structs.replace(decision, commands=visitor_links(contact, entry))
    return decision


def _decide_in_order(
    contact: Contact, entry: Entry, rules: Ruling, traceparent: str | None
) -> Decision:
    """From the head state, after the timers that are due before it."""
    evidence = contact.evidence
    book = evidence.book
    fired: list[Fired] = []
    changes: list[Change] = []
    if entry.time >= book.state.next_due:
        fired = _fire(contact, entry.time, rules, changes)
    in_force = rules.at(entry.time)
    made = step(book.state, entry, in_force)
    if rules.generation:
        mind_the_next_model(book.state, rules)
    evidence.append(entry, made)
    if made:
        changes += _publish(contact, entry.time, made, in_force, traceparent)
    shown = changes[-1].view if made else None
    if entry.time >= book.state.next_due:  # what it armed too late to wait for
        fired += _fire(contact, entry.time, rules, changes)
        shown = None
    if made or fired:
        contact.stage = book.state.stage
    if not changes and not fired and not is_news(book):
        kind = in_force.types.get(entry.type)
        is_telling = kind is not None and kind.is_telling
        return Decision(Verdict.APPLIED, [], True) if is_telling else APPLIED
    teller = Teller(contact, entry, in_force, traceparent, shown)
    return Decision(Verdict.APPLIED, changes, True, teller.tell(notices(fired)))


def decide_due(contact: Contact, rules: Ruling, now: Microseconds) -> Decision:
    """Fire the contact's timers that are due by `now`. With none due: nothing to store.

    The sealed chunks are loaded if `needs_all` says so.
    """
    before = IGNORED
    if contact.evidence.book.generation != rules.generation:
        before = bring_up_to_date(contact, rules)
    return joined(before, _decide_due(contact, rules, now))


def _decide_due(contact: Contact, rules: Ruling, now: Microseconds) -> Decision:
    book = contact.evidence.book
    if book.state.next_due > now or book.backfilled_until > now:
        return IGNORED
    contact.evidence.is_changed = True
    changes: list[Change] = []
    fired = _fire(contact, now, rules, changes)
    contact.stage = book.state.stage
    if not fired:
        return IGNORED
    cause = fired[-1].entry
    teller = Teller(contact, cause, rules.at(cause.time), None)
    return Decision(Verdict.APPLIED, changes, True, teller.tell(notices(fired)))


def _fire(
    contact: Contact, until: Microseconds, rules: Ruling, changes: list[Change]
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


def _publish(
    contact: Contact, at: Microseconds, made: list[Made], rules: Ruling, traceparent: str | None
) -> list[Change]:
    """In order: from the head state."""
    publisher = Publisher(contact, viewer(contact.fold, rules.at(at), at), traceparent)
    for move in made:
        publisher.made(move)
    return publisher.changes


def explain(contact: Contact, rules: Ruling, at: Microseconds) -> list[Explanation]:
    """Why the contact is not elsewhere: every way out of its stage, with its guards."""
    at = max(at, contact.fold.head_time)
    return ways_out(contact.fold, at, rules.at(at))


def qualification_needed(contact: Contact, rules: Ruling, at: Microseconds) -> bool:
    """Someone has to find out the contact's industry: an intent or a stage waits for it."""
    at = max(at, contact.fold.head_time)
    return is_qualification_needed(contact.fold, rules.at(at), at)
