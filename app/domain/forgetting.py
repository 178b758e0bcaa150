"""What an erased identity leaves in those that were linked to it once: keys, which they forget.

They are told a digest, so that telling them leaves no new trace; whoever had something to forget
tells those whom it was linked to itself. An identity that is still linked is erased instead.
Links that are over stay so: without its key a link leads nowhere, but it is still the last one.
"""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from app.domain.book import Book
from app.domain.contact import Contact
from app.domain.decision import IGNORED, Decision
from app.domain.entry import Entry
from app.domain.identity import NOWHERE, Sender, whole_log
from app.domain.rewriting import START, decide_again
from app.domain.timeline import Ruling

_encode = msgspec.json.Encoder().encode


def digest_of_key(tenant: str, key: str) -> str:
    return blake2b(_encode((tenant, key)), digest_size=16).hexdigest()


def about_erased(digest: str) -> dict[str, Any]:
    """Data of the identity.withdrawn that says it."""
    return {"member": digest, "tag": [0], "is_erased": True}


def refused(digest: str) -> dict[str, Any]:
    """The same, to one who was linked to it since: the link does not hold."""
    return {**about_erased(digest), "is_refused": True}


def ever_linked(contact: Contact) -> set[str]:
    """The keys that it knows of, also of links that ended."""
    book = contact.book
    return ({link.other for link in book.links} | set(book.members)) - {contact.contact_id, NOWHERE}


def forget(
    contact: Contact, entry: Entry, said: Mapping[str, Any], rules: Ruling, sender: Sender
) -> Decision:
    """Nothing here names the erased identity any more."""
    book, digest = contact.book, str(said["member"])
    known = ever_linked(contact)
    names = (key for key in known if digest_of_key(contact.tenant, key) == digest)
    erased = next(names, None)
    if erased is None or (_is_linked(book, erased) and not said.get("is_refused")):
        return IGNORED
    book.members.pop(erased, None)
    sender.lead_nowhere(erased)
    sender.tell_others(sorted(known - {erased}), about_erased(digest))

    def keeps(each: Entry) -> bool:
        return each.member != erased

    decision = decide_again(contact, entry, START, rules, keeps=keeps)
    _forget_name(book, erased, whole_log(contact))
    sender.send_due()
    return msgspec.structs.replace(decision, snapshot_due=True, commands=sender.commands)


def _is_linked(book: Book, key: str) -> bool:
    """What asks this one to be erased is on its way."""
    known = book.members.get(key)
    return book.primary == key or (known is not None and known.is_here)


def _forget_name(book: Book, erased: str, entries: Iterator[Entry]) -> None:
    """Texts have their number for good: an empty one takes its place, if no step refers to it."""
    if erased in book.names and not any(erased in _texts(entry) for entry in entries):
        book.names[book.names.index(erased)] = ""


def _texts(entry: Entry) -> Sequence[str | None]:
    return entry.source, entry.type, entry.channel, entry.campaign_id, entry.member
