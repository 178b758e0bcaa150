"""What became of a person's command, for the person: accepted or refused, and why, in words.

Nothing is decided here. A command is folded like any interaction, and one that is refused had no
effect where it stands: it stays in the contact's log, so that history does not depend on the order
of arrival. Messages hold no key and no value of the command: they outlive an erasure.
"""

from enum import StrEnum
from typing import Final

import msgspec

from app.domain.book import Book, Link
from app.domain.changes import Change, Verdict
from app.domain.contact import Contact
from app.domain.decision import Decision
from app.domain.evidence_log import RETRACTION
from app.domain.identity import LINKED, LINKS, UNLINKED
from app.domain.interaction import Interaction
from app.domain.linking import UNRETRACTABLE
from app.domain.rewriting import ACTIVATED
from app.domain.rules import Rules
from app.domain.timeline import Ruling


class CommandState(StrEnum):
    PENDING = "pending"
    """Taken, and not decided yet."""
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """It was decided before; how is no longer known."""
    REFUSED = "refused"
    """It had no effect: the reason says why."""


class Refusal(StrEnum):
    """Why a command had no effect; a command that became a dead letter has that one's reason."""

    NO_HANDOFF_OPEN = "no_handoff_open"
    NO_SUCH_STAGE = "no_such_stage"
    NO_WAY = "no_way"
    NOT_RETRACTABLE = "not_retractable"
    NOT_LINKED = "not_linked"
    TO_ITSELF = "to_itself"
    ERASED = "erased"
    UNKNOWN_TYPE = "unknown_type"


class Outcome(msgspec.Struct, frozen=True, gc=False):
    state: CommandState
    reason: str | None = None
    message: str | None = None
    """Of a refusal; or a remark on what was accepted."""


ACCEPTED: Final = Outcome(CommandState.ACCEPTED)
OF_ERASED: Final = Outcome(
    CommandState.REFUSED, Refusal.ERASED, "The contact was erased: nothing is kept of it."
)
_DUPLICATE: Final = Outcome(
    CommandState.DUPLICATE, message="It was decided before; this time it changed nothing."
)
_UNKNOWN_TYPE: Final = Outcome(
    CommandState.REFUSED, Refusal.UNKNOWN_TYPE, "The model has no interaction of this type."
)
_OF_LINKED: Final = Outcome(
    CommandState.ACCEPTED, message="This key is linked to another one, under which it counts."
)
_EARLIER: Final = Outcome(
    CommandState.ACCEPTED, message="It is earlier than what was known: it counts in its place."
)
_ANSWERS: Final = ("handoff.accepted", "handoff.rejected")
_OVERRIDE: Final = "stage.override"
_DISQUALIFIED: Final = "contact.disqualified"


def outcome_of(
    contact: Contact, item: Interaction, decision: Decision, ruling: Ruling
) -> tuple[Outcome, list[Change]]:
    """After `decide`, and before anything else of the contact is: what to tell whoever asked, and
    the moves it made."""
    rules = ruling.at(item.time)
    if decision.verdict is Verdict.DUPLICATE:
        return _DUPLICATE, []
    if item.type not in rules.types:
        return _UNKNOWN_TYPE, []
    moves = moves_of(item, decision)
    return _outcome(contact, item, rules, decision.verdict is Verdict.LATE, moves), moves


def moves_of(item: Interaction, decision: Decision) -> list[Change]:
    """Without those of timers that were due before it, or of a model that began to decide."""
    if decision.verdict is Verdict.LATE:
        return [each for each in decision.changes if each.cause.type != ACTIVATED]
    mine = item.id, item.source
    return [each for each in decision.changes if (each.cause.event_id, each.cause.source) == mine]


def _outcome(
    contact: Contact, item: Interaction, rules: Rules, is_late: bool, moves: list[Change]
) -> Outcome:
    if item.type in LINKS:
        return _of_link(contact, item)
    if item.type == RETRACTION:
        return _of_retraction(contact, item)
    if contact.book.primary is not None:
        return _OF_LINKED
    if item.type == _OVERRIDE and item.data.get("to_stage") not in rules.stages:
        has = ", ".join(rules.stages)
        return _refused(Refusal.NO_SUCH_STAGE, f"{rules.ref} has no such stage; it has: {has}.")
    if moves:
        return ACCEPTED
    if is_late:
        return _EARLIER
    if item.type in _ANSWERS:
        return _of_answer(contact, item)
    if item.type == _OVERRIDE and contact.stage != item.data.get("to_stage"):
        told = f"{rules.ref} lets nobody be moved there from {contact.stage} by hand."
        return _refused(Refusal.NO_WAY, told)
    if item.type == _DISQUALIFIED:
        return Outcome(CommandState.ACCEPTED, message=f"Noted; the stage stays {contact.stage}.")
    return ACCEPTED


def _of_answer(contact: Contact, item: Interaction) -> Outcome:
    handoff = contact.fold.handoff
    if handoff is not None and handoff.answered_by == item.id:
        return ACCEPTED
    match None if handoff is None else handoff.answer:
        case "accepted" | "rejected" as answer:
            why = f"the last one was {answer}"
        case "unasked":
            why = "nobody was asked, for what moved the contact was told too late"
        case _:
            why = f"the contact is {contact.stage}"
    return _refused(Refusal.NO_HANDOFF_OPEN, f"There is no open hand-off: {why}.")


def _of_retraction(contact: Contact, item: Interaction) -> Outcome:
    source, event_id = str(item.data.get("event_source")), str(item.data.get("event_id"))
    found = contact.evidence.find(source, event_id)
    if found is None:
        told = "Nothing is known of it yet: it will not count if it comes."
        return Outcome(CommandState.ACCEPTED, message=told)
    if found.type in UNRETRACTABLE:
        return _refused(Refusal.NOT_RETRACTABLE, f"{found.type} can't be retracted.")
    return ACCEPTED


def _of_link(contact: Contact, item: Interaction) -> Outcome:
    other = str(item.data.get("other"))
    if other == contact.contact_id:
        return _refused(Refusal.TO_ITSELF, "A contact is always itself: name another one.")
    if item.type == UNLINKED and _primary_before(contact.book, item) != other:
        return _refused(Refusal.NOT_LINKED, "It was not linked to that one.")
    if item.type == LINKED and contact.book.primary != other:
        told = "Noted; another link of this key holds."
        return Outcome(CommandState.ACCEPTED, message=told)
    return ACCEPTED


def _primary_before(book: Book, item: Interaction) -> str | None:
    """Whom the links said in its time, without it."""
    primary: str | None = None
    for link in book.links:
        if (link.time, link.source, link.id) >= (item.time, item.source, item.id):
            break
        primary = _after(link, primary)
    return primary


def _after(link: Link, primary: str | None) -> str | None:
    if link.is_link:
        return link.other
    return None if link.other == primary else primary


def _refused(reason: Refusal, message: str) -> Outcome:
    return Outcome(CommandState.REFUSED, reason, message)
