"""Identity is reversible: each identity keeps its own log, a link folds it under another one.

The linked identity sends its evidence to its primary, and every later interaction; unlinked, it
withdraws them, and both fold again. A primary that is itself linked passes on what it was sent.
Nothing is shared: all of it goes through the commands topic, in the lanes' own batches.

Every piece of evidence carries a tag, the link versions of the identities it came through. Tags
grow with every change of a link, so what arrives late by an older way is known to be old. In a
ring of links the smallest key is the root: it learns of the ring when its own evidence comes back.
"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from app.domain.book import Link, Member
from app.domain.changes import Command
from app.domain.contact import Contact
from app.domain.entry import FUNNEL, NOBODY, RETRACTED, Entry
from app.domain.evidence_log import RETRACTION
from app.domain.log import Logged, unpack
from app.domain.state import NEVER

LINKED: Final = "identity.linked"
UNLINKED: Final = "identity.unlinked"
EVIDENCE: Final = "identity.evidence"
WITHDRAWN: Final = "identity.withdrawn"
TYPES: Final = frozenset((LINKED, UNLINKED, EVIDENCE, WITHDRAWN))
LINKS: Final = frozenset((LINKED, UNLINKED))
UNSENT: Final = TYPES | {RETRACTION}
"""What is an identity's own business: links, and what it takes back."""
NOWHERE: Final = "#erased"
"""In the place of a key that was erased: a link to it leaves the identity on its own."""
VISITOR: Final = "visitor_id"
LINKS_MAX: Final = 256
"""Of one identity; the oldest are forgotten."""
CHUNK_BYTES: Final = 48 * 1024
"""Of one command's entries, as JSON; a record's limit is 64 KiB."""

_to_json = msgspec.json.Encoder().encode


class Sender:
    """Writes what one decision tells other identities."""

    def __init__(self, contact: Contact, cause: Entry) -> None:
        self.contact = contact
        self.cause = cause
        self.commands: list[Command] = []
        self._is_all_due = False
        """Everything is to be sent, once it is folded."""

    def link(self, other: str, is_link: bool) -> bool:
        """Note a link or its end; True: the primary changed."""
        book, cause = self.contact.book, self.cause
        if other == self.contact.contact_id or cause.flags & RETRACTED:
            return False
        link = Link(cause.time, cause.source, cause.id, other, is_link)
        has_moved = self._relink([*book.links, link])
        told = {command.contact_id for command in self.commands}
        if other not in (book.primary, NOWHERE, *told):
            # Who is named shall know by whom: an erasure asks for the key back.
            tag = [book.link_version]
            self._command(other, WITHDRAWN, {"member": self.contact.contact_id, "tag": tag})
        return has_moved

    def unsay(self, source: str, event_id: str) -> bool:
        """A link, or its end, was retracted; True: the primary changed."""
        links = []
        for each in self.contact.book.links:
            if (each.source, each.id) == (source, event_id):
                # The end of a link that never was: whom it named is known all the same.
                each = msgspec.structs.replace(each, time=-NEVER, is_link=False)
            links.append(each)
        return self._relink(links)

    def lead_nowhere(self, erased: str) -> bool:
        """Links to an erased key; True: the primary changed."""
        replace = msgspec.structs.replace
        return self._relink(
            [
                replace(each, other=NOWHERE) if each.other == erased else each
                for each in self.contact.book.links
            ]
        )

    def _relink(self, links: list[Link]) -> bool:
        book = self.contact.book
        was, book.links = _chosen(book.links), sorted(links)[-LINKS_MAX:]
        if _chosen(book.links) == was:
            return False
        book.cycle = []
        return self._settle()

    def _settle(self) -> bool:
        """Move the evidence from the old primary to the one that now holds."""
        book, me = self.contact.book, self.contact.contact_id
        primary = None if book.cycle and min(book.cycle) == me else _chosen(book.links)
        if primary == book.primary:
            return False
        self._withdraw_all()
        book.link_version += 1
        book.primary = primary
        self._is_all_due = True
        return True

    def take_back(self) -> None:
        """What was sent changes: a retraction takes something out of it."""
        if self.contact.book.primary is not None:
            self._withdraw_all()
            self.contact.book.link_version += 1
            self._is_all_due = True

    def send(self, entry: Entry) -> None:
        """A later interaction of a linked identity."""
        book, me = self.contact.book, self.contact.contact_id
        if book.primary is not None and entry.type not in UNSENT:
            self._evidence(me, [book.link_version], [me], [entry])

    def _withdraw_all(self) -> None:
        book, me = self.contact.book, self.contact.contact_id
        if book.primary is None:
            return
        self._say(WITHDRAWN, member=me, tag=[book.link_version])
        for member, known in book.members.items():
            if known.is_here and book.primary not in known.path:
                self._say(WITHDRAWN, member=member, tag=[*known.tag, book.link_version])

    def send_due(self) -> None:
        """After all is folded again: what the log then holds is what the primary gets."""
        book, me = self.contact.book, self.contact.contact_id
        if book.primary is None or not self._is_all_due:
            return
        self._is_all_due = False
        # Also of those who have none: a ring is found by what comes round.
        entries: dict[str, list[Entry]] = {me: []}
        entries |= {member: [] for member, known in book.members.items() if known.is_here}
        for entry in whole_log(self.contact):
            if entry.type in UNSENT:
                continue
            entries.setdefault(entry.member or me, []).append(entry)
        for member, theirs in entries.items():
            known = book.members.get(member)
            if known is None:
                self._evidence(me, [book.link_version], [me], theirs)
            else:
                self._pass_on(member, known, theirs)

    def take(self, member: str, tag: list[int], path: list[str]) -> tuple[bool, bool]:
        """Evidence of `member` comes: (fold it here, drop what was here of it before)."""
        book = self.contact.book
        known = book.members.get(member)
        if self.is_old(member, tag) or (known and tag == known.tag and not known.is_here):
            return False, False
        is_newer = known is not None and known.is_here and tag > known.tag
        book.members[member] = Member(tag, path, True)
        return True, is_newer

    def pass_on(self, member: str, entries: Sequence[Entry]) -> None:
        """What a linked identity is sent goes on to its primary."""
        if self.contact.book.primary is not None:
            self._pass_on(member, self.contact.book.members[member], entries)

    def _pass_on(self, member: str, known: Member, entries: Sequence[Entry]) -> None:
        """Not to where it has been; but whose own it is must learn that there is a ring."""
        book = self.contact.book
        if book.primary in known.path and book.primary != member:
            return
        if book.primary == member:
            entries = ()
        path = [*known.path, self.contact.contact_id]
        self._evidence(member, [*known.tag, book.link_version], path, entries)

    def close_ring(self, tag: list[int], path: list[str]) -> bool:
        """The contact's own evidence came back; True: it is the root, and its primary changed.

        What was sent before the link changed says nothing. A ring opens when one of it withdraws:
        that comes after this by the same way.
        """
        book, me = self.contact.book, self.contact.contact_id
        if book.primary is None or tag[0] != book.link_version or min(path) != me:
            return False
        book.cycle = path
        return self._settle()

    def is_old(self, member: str, tag: list[int]) -> bool:
        """A newer word about the member has come by another way."""
        known = self.contact.book.members.get(member)
        return known is not None and tag < known.tag

    def withdraw(self, member: str, tag: list[int]) -> bool:
        """It is not old. True: what was here of the member is to be dropped."""
        book = self.contact.book
        known = book.members.get(member)
        book.members[member] = Member(tag, [], False)
        if known is None or not known.is_here:
            return False
        if book.primary is not None and book.primary not in known.path:
            self._say(WITHDRAWN, member=member, tag=[*tag, book.link_version])
        return True

    def open_ring(self, member: str) -> bool:
        """One of the ring has left it; True: the primary changed."""
        book = self.contact.book
        if member not in book.cycle:
            return False
        book.cycle = []
        return self._settle()

    def tell_others(self, others: Sequence[str], said: dict[str, Any]) -> None:
        """Those that were linked to this one may know an erased key, too."""
        for other in others:
            self._command(other, WITHDRAWN, said)

    def link_visitor(self, form: Entry) -> None:
        """A form told which visitor filled it in: that one is the same person."""
        visitor = self._visitor_of(form)
        if visitor is None or form.flags & RETRACTED:
            return
        me = self.contact.contact_id
        data = {"other": me, "evidence": form.id, "actor": FUNNEL}
        self._tell(visitor, LINKED, self._link_id(form), form.time, data)

    def unlink_visitor(self, form: Entry) -> None:
        """It is retracted, and the link that it made with it; other forms' stay."""
        visitor = self._visitor_of(form)
        if visitor is None:
            return
        data = {"event_source": FUNNEL, "event_id": self._link_id(form), "reason": "form retracted"}
        self._command(visitor, RETRACTION, data)

    def _visitor_of(self, form: Entry) -> str | None:
        """Who fills in what has no person is no person either."""
        visitor = (form.fields or {}).get(VISITOR)
        is_other = isinstance(visitor, str) and visitor != self.contact.contact_id
        return str(visitor) if is_other and not form.flags & NOBODY else None

    def _link_id(self, form: Entry) -> str:
        return _hash_of((self.contact.contact_id, LINKED, form.source, form.id))

    def _evidence(
        self, member: str, tag: list[int], path: list[str], entries: Sequence[Entry]
    ) -> None:
        for chunk in _chunks(entries):
            self._say(EVIDENCE, member=member, tag=tag, path=path, entries=chunk)

    def _say(self, type_: str, **data: Any) -> None:
        primary = self.contact.book.primary
        assert primary is not None
        self._command(primary, type_, data)

    def _command(self, to: str, type_: str, data: dict[str, Any]) -> None:
        cause, contact = self.cause, self.contact
        about = (contact.contact_id, cause.key, contact.version, len(self.commands), to, type_)
        self._tell(to, type_, _hash_of(about), cause.time, data)

    def _tell(self, to: str, type_: str, id_: str, time: int, data: dict[str, Any]) -> None:
        self.commands.append(Command(to, type_, id_, time, data))


def _hash_of(about: tuple[object, ...]) -> str:
    return blake2b(_to_json(about), digest_size=16).hexdigest()


def _chosen(links: Iterable[Link]) -> str | None:
    """The last link wins; its end leaves none."""
    primary: str | None = None
    for link in links:
        if link.is_link:
            primary = None if link.other == NOWHERE else link.other
        elif link.other == primary:
            primary = None
    return primary


def whole_log(contact: Contact) -> Iterator[Entry]:
    """Every interaction, newest first. The sealed chunks are loaded if there are any."""
    names = contact.book.names
    for items in contact.evidence.pages():
        for item in items:
            if type(item) is Logged:
                entry = unpack(item, names)
                if not entry.is_timer:
                    yield entry


def entries_of(member: str, plain: Sequence[Sequence[Any]]) -> list[Entry]:
    """Entries as a command carries them."""
    return [msgspec.structs.replace(Entry(*each), member=member) for each in plain]


def _chunks(entries: Sequence[Entry]) -> Iterator[list[list[Any]]]:
    """As plain lists, so many at once as a record takes. Without any: one empty chunk."""
    chunk: list[list[Any]] = []
    size = 0
    for entry in entries:
        plain = [
            entry.time, entry.source, entry.id, entry.type, entry.flags, entry.arrived_at, 0, 0,
            entry.fields, entry.channel, entry.campaign_id,
        ]  # fmt: skip
        size_bytes = len(_to_json(plain))
        if chunk and size + size_bytes > CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(plain)
        size += size_bytes
    yield chunk
