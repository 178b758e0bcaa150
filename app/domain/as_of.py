"""A contact as it was at a moment, by what is known of it now."""

import msgspec

from app.domain.contact import Contact
from app.domain.entry import RETRACTED
from app.domain.firing import fire_until
from app.domain.fold import step
from app.domain.interaction import Microseconds
from app.domain.rules import Rules


def go_back(contact: Contact, at: Microseconds, rules: Rules) -> None:
    """Turn a contact that is nobody else's back (or on) to `at`: its fold, its stage, its timeline.

    What is later was never heard of; timers have fired up to `at`. Its sealed chunks are loaded.
    """
    evidence = contact.evidence
    retracted = evidence.book.retracted
    for entry, _ in evidence.rewind((at + 1, "", "", "")):
        if entry.is_timer or entry.time > at:
            continue
        if (entry.source, entry.id) in retracted:
            entry = msgspec.structs.replace(entry, flags=entry.flags | RETRACTED)
        _fire(contact, entry.time, rules)
        evidence.append(entry, step(evidence.book.state, entry, rules.at(entry.time)))
    _fire(contact, at, rules)
    contact.stage = evidence.book.state.stage


def _fire(contact: Contact, until: Microseconds, rules: Rules) -> None:
    evidence = contact.evidence
    for each in fire_until(evidence.book.state, until, rules):
        if each.made:
            evidence.append_timer(each.entry, each.made)
