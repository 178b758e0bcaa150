"""One interaction, one decision: `decide` is the whole of the domain as the lane sees it."""

from bisect import insort
from collections.abc import Sequence

import msgspec

from app.domain.changes import Change, Signal, Verdict
from app.domain.contact import Contact
from app.domain.entry import Entry, entry_of
from app.domain.explanation import Explanation, ways_out
from app.domain.fold import Made, step
from app.domain.history import standing
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.publishing import Publisher, base_of
from app.domain.rules import Rules
from app.domain.scoring import temperature
from app.domain.views import is_qualification_needed, view, viewer
from app.errors import RuleError

__all__ = ["Decision", "decide", "decide_due", "explain", "qualification_needed", "view"]


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
    now: Microseconds,  # noqa: ARG001 - timers due by then fire here
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
    state = evidence.book.state
    head_time = state.head_time
    if entry.time < head_time or (entry.time == head_time and evidence.is_before_head(entry)):
        verdict, changes = Verdict.LATE, _rewrite(contact, entry, rules, interaction.traceparent)
    else:
        verdict = Verdict.APPLIED
        made = step(state, entry, rules)
        evidence.append(entry, made)
        changes = _publish(contact, entry, made, rules, interaction.traceparent) if made else []
    book = evidence.book
    state = book.state  # another one, if it was rewritten
    contact.stage = state.stage
    if changes:
        book.temperature = changes[-1].view.temperature
        return Decision(verdict, changes, True)
    heat = temperature(state, state.head_time, rules)
    if heat == book.temperature and not kind.is_telling:
        return _APPLIED if verdict is Verdict.APPLIED else _LATE
    book.temperature = heat
    return Decision(verdict, changes, True)


def decide_due(contact: Contact, rules: Rules, now: Microseconds) -> Decision:  # noqa: ARG001
    """Fire the contact's timers that are due by `now`. With none due: nothing to store."""
    return _IGNORED


def _publish(
    contact: Contact, entry: Entry, made: list[Made], rules: Rules, traceparent: str | None
) -> list[Change]:
    """In order: from the head state."""
    view_of = viewer(contact.fold, rules, entry.time)
    publisher = Publisher(contact, rules, view_of, traceparent)
    for move in made:
        publisher.made(move)
    return publisher.changes


def _rewrite(contact: Contact, late: Entry, rules: Rules, traceparent: str | None) -> list[Change]:
    """Late: fold again from the checkpoint before it, and say what that changed."""
    evidence = contact.evidence
    past = evidence.rewind(late.key)
    before, base = standing(past, evidence.book.names), base_of(contact)
    insort(past, (late, None), key=lambda each: each[0].key)
    after: list[Made] = []
    for entry, _ in past:
        made = step(evidence.book.state, entry, rules)
        evidence.append(entry, made)
        after += made
    state = evidence.book.state
    publisher = Publisher(contact, rules, viewer(state, rules, state.head_time), traceparent)
    publisher.rewritten(before, after, base, late)
    return publisher.changes


def explain(contact: Contact, rules: Rules, at: Microseconds) -> list[Explanation]:
    """Why the contact is not elsewhere: every way out of its stage, with its guards."""
    return ways_out(contact.fold, max(at, contact.fold.head_time), rules)


def qualification_needed(contact: Contact, rules: Rules, at: Microseconds) -> bool:
    """Someone has to find out the contact's industry: an intent or a stage waits for it."""
    return is_qualification_needed(contact.fold, rules, max(at, contact.fold.head_time))
