"""Replay: a contact folded again from its raw interactions, in the order in which they arrived."""

from app.domain.contact import Contact
from app.domain.decide import decide
from app.domain.firing import fire_until
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.rewriting import bring_up_to_date, needs_all
from app.domain.shadow import Evidence
from app.domain.timeline import Ruling


class Rebuilt:
    """Between batches only its encoded form is kept, as in a lane's memory."""

    __slots__ = ("_chunks", "contact")

    def __init__(self, tenant: str, contact_id: str) -> None:
        self.contact = Contact.new(tenant, contact_id)
        self._chunks: dict[int, bytes] = {}

    @property
    def is_empty(self) -> bool:
        """Nothing was kept of what arrived."""
        return self.contact.version == 0

    def tell(self, item: Interaction, address: Address, rules: Ruling, as_of: Microseconds) -> None:
        """The next that arrived. Raises RuleError."""
        contact = self.contact
        if needs_all(contact, rules) or contact.needs_sealed(item):
            contact.load_sealed(self._sealed)
        decide(contact, item, address, rules, as_of)

    def store(self) -> None:
        """At the end of a batch."""
        taken = self.contact.take_change()
        if taken is not None:
            self._chunks |= {chunk.chunk: chunk.body for chunk in taken[1]}

    def bring_up_to_date(self, rules: Ruling) -> None:
        """With what was activated since something arrived last."""
        contact = self.contact
        if contact.book.generation != rules.generation:
            contact.load_sealed(self._sealed)
            bring_up_to_date(contact, rules)
            self.store()

    def fire(self, rules: Ruling, until: Microseconds) -> None:
        """The timers that fired by the clock: no interaction says when they did."""
        evidence = self.contact.evidence
        if evidence.book.primary is not None:
            return
        for each in fire_until(evidence.book.state, until, rules):
            evidence.is_changed = True
            if each.made:
                evidence.append_timer(each.entry, each.made)
        self.contact.stage = evidence.book.state.stage

    def evidence(self) -> Evidence:
        evidence, contact = self.contact.evidence, self.contact
        book = evidence.book
        sealed = self._sealed[: book.chunks]
        return Evidence(contact.tenant, contact.contact_id, book, evidence.log, sealed)

    @property
    def _sealed(self) -> list[bytes]:
        return [self._chunks[number] for number in sorted(self._chunks)]
