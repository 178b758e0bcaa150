"""Deciding about commands that reach into the whole log: links of identities, and retractions."""

from collections.abc import Sequence
from typing import Final

import msgspec

from app.domain.calendar import SECOND
from app.domain.changes import Command, Verdict
from app.domain.contact import Contact
from app.domain.decision import IGNORED, Decision
from app.domain.entry import BACKFILL, RETRACTED, Entry
from app.domain.evidence_log import RETRACTION
from app.domain.forgetting import forget
from app.domain.identity import (
    EVIDENCE,
    LINKED,
    LINKS,
    TYPES,
    VISITOR,
    WITHDRAWN,
    Sender,
    entries_of,
)
from app.domain.interaction import Interaction, Microseconds
from app.domain.rewriting import START, decide_again, rest
from app.domain.timeline import Ruling

UNRETRACTABLE: Final = frozenset((RETRACTION, "privacy.erasure_requested"))
RETRACTED_MAX: Final = 1024
"""Retractions of a contact that are kept in mind, the oldest are forgotten: what had come by then
stays retracted, for its entry says so; what comes later counts."""
IMPORT_REST: Final = 60 * SECOND
"""A contact's timers wait so long after its last backfilled interaction."""


def reaches_back(entry: Entry) -> bool:
    """Of a command: it may change what was folded long ago."""
    return entry.type == RETRACTION or entry.type in TYPES


def decide_command(
    contact: Contact, entry: Entry, interaction: Interaction, rules: Ruling
) -> Decision | Entry:
    """An entry is to be folded like any other: the command, or what a linked identity sent."""
    if entry.type == RETRACTION:
        return _retract(contact, entry, interaction, rules)
    sender = Sender(contact, entry)
    data = interaction.data
    if entry.type in LINKS:
        has_moved = sender.link(str(data["other"]), entry.type == LINKED)
        if not has_moved and not sender.commands:
            return entry
        since = START if has_moved else entry.key
        return _decided(contact, entry, rules, sender, since, [entry])
    if data.get("is_erased"):
        return forget(contact, entry, data, rules, sender)
    member, tag = str(data["member"]), list(data["tag"])
    if entry.type == EVIDENCE:
        entries = entries_of(member, data["entries"])
        return _take(contact, entry, rules, sender, tag, list(data["path"]), entries)
    assert entry.type == WITHDRAWN
    return _withdraw(contact, entry, rules, sender, member, tag)


def note_import(contact: Contact, entry: Entry, arrived_at: Microseconds) -> None:
    """An import must not recycle between its own rows."""
    if entry.flags & BACKFILL:
        book = contact.book
        book.backfilled_until = max(book.backfilled_until, arrived_at + IMPORT_REST)


def decide_of_linked(contact: Contact, entry: Entry, rules: Ruling) -> Decision:
    """An interaction of a linked identity: logged here, folded by its primary."""
    sender = Sender(contact, entry)
    sender.send(entry)
    if VISITOR in (entry.fields or ()):
        sender.link_visitor(entry)
    if entry.key < _head_of(contact):
        decision = decide_again(contact, entry, entry.key, rules, added=[entry])
        return msgspec.structs.replace(decision, commands=sender.commands)
    rest(contact.evidence, entry)
    return Decision(Verdict.APPLIED, [], False, (), sender.commands)


def visitor_links(contact: Contact, entry: Entry) -> Sequence[Command]:
    """Of a form that says which visitor filled it in."""
    sender = Sender(contact, entry)
    sender.link_visitor(entry)
    return sender.commands


def _head_of(contact: Contact) -> tuple[int, str, str, str]:
    return contact.fold.head_time, "\U0010ffff", "", ""


def _retract(
    contact: Contact, entry: Entry, interaction: Interaction, rules: Ruling
) -> Decision | Entry:
    """Take one interaction out of the past, or keep in mind that it does not count if it comes."""
    data, evidence = interaction.data, contact.evidence
    source, event_id = str(data.get("event_source")), str(data.get("event_id"))
    found = evidence.find(source, event_id)
    if found is not None and found.type in UNRETRACTABLE:
        return entry
    book = evidence.book
    if (source, event_id) not in book.retracted:
        book.retracted = [*book.retracted[1 - RETRACTED_MAX :], (source, event_id)]
        evidence.is_changed = True
    if found is None or found.flags & RETRACTED:
        return entry
    sender = Sender(contact, entry)
    if found.type in LINKS:
        if sender.unsay(source, event_id):
            return _decided(contact, entry, rules, sender, added=[entry])
    else:
        sender.take_back()
    if VISITOR in (found.fields or ()):
        sender.unlink_visitor(found)
    decision = decide_again(contact, entry, min(found.key, entry.key), rules, added=[entry])
    sender.send_due()
    return msgspec.structs.replace(decision, commands=sender.commands)


def _take(
    contact: Contact,
    entry: Entry,
    rules: Ruling,
    sender: Sender,
    tag: list[int],
    path: list[str],
    entries: list[Entry],
) -> Decision | Entry:
    member = path[0]
    if member == contact.contact_id:
        if sender.close_ring(tag, path):
            return _decided(contact, entry, rules, sender)
        return IGNORED
    is_wanted, is_newer = sender.take(member, tag, path)
    if not is_wanted:
        return IGNORED
    contact.evidence.is_changed = True
    if not is_newer:
        entries = [each for each in entries if not _has(contact, each)]
    for each in entries:
        note_import(contact, each, entry.arrived_at)
    sender.pass_on(member, entries)
    if is_newer:
        sender.open_ring(member)
        return _decided(contact, entry, rules, sender, START, entries, member)
    if not entries:
        return Decision(Verdict.APPLIED, [], False, (), sender.commands)
    if len(entries) == 1 and contact.book.primary is None:
        return entries[0]
    since = min(each.key for each in entries)
    return _decided(contact, entry, rules, sender, since, entries)


def _has(contact: Contact, entry: Entry) -> bool:
    return contact.evidence.has_seen(entry.source, entry.id, entry.member)


def _withdraw(
    contact: Contact, entry: Entry, rules: Ruling, sender: Sender, member: str, tag: list[int]
) -> Decision:
    if member == contact.contact_id or sender.is_old(member, tag):
        return IGNORED
    contact.evidence.is_changed = True
    is_gone = sender.withdraw(member, tag)
    has_moved = sender.open_ring(member)
    if not is_gone and not has_moved:
        return Decision(Verdict.APPLIED, [], False, (), sender.commands)
    return _decided(contact, entry, rules, sender, dropped=member)


def _decided(
    contact: Contact,
    entry: Entry,
    rules: Ruling,
    sender: Sender,
    since: tuple[int, str, str, str] = START,
    added: Sequence[Entry] = (),
    dropped: str | None = None,
) -> Decision:
    keeps = None if dropped is None else lambda each: each.member != dropped
    if added and all(each.is_quiet for each in added):
        entry = msgspec.structs.replace(entry, flags=entry.flags | BACKFILL)
    decision = decide_again(contact, entry, since, rules, added=added, keeps=keeps)
    sender.send_due()
    return msgspec.structs.replace(decision, snapshot_due=True, commands=sender.commands)
