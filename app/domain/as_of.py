"""A contact as it was at a moment, by what is known of it now."""

from app.domain.contact import Contact
from app.domain.interaction import Microseconds
from app.domain.rewriting import fold_again
from app.domain.timeline import Ruling


def go_back(contact: Contact, at: Microseconds, rules: Ruling) -> None:
    """Turn a contact that is nobody else's back (or on) to `at`: its fold, its stage, its log.

    What is later was never heard of; timers have fired up to `at`. Its sealed chunks are loaded.
    """
    evidence = contact.evidence
    past = evidence.rewind((at + 1, "", "", ""))
    entries = [entry for entry, _ in past if not entry.is_timer and entry.time <= at]
    fold_again(evidence, entries, at, rules)
    contact.stage = evidence.book.state.stage
