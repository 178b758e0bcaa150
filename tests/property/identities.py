"""Contacts on lanes of their own, and what they tell each other by commands, in any order."""

import json
from collections import deque
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain.changes import Change, Command, Signal
from app.domain.contact import Contact
from app.domain.decide import Decision, decide, decide_due
from app.domain.entry import FUNNEL
from app.domain.identity import LINKED, UNLINKED
from app.domain.interaction import Address, Interaction
from app.models import load_rules
from tests.property.arrivals import HOUR, START

RULES = load_rules("b2b-default@1")
KEYS = ("a", "b", "c", "d")
RETRACTION = "event.retracted"
FORM = "form.submitted"
END = START + 9_000 * HOUR
Way = tuple[str, str]
"""(from, to)"""

SHAPES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("newsletter.signed_up", {"email": "ada@example.org", "list_id": "l", "consent": True}),
    ("email.replied", {"message_id": "m", "is_auto_reply": False}),
    ("demo.requested", {"product_id": "p"}),
    ("deal.won", {"deal_id": "d"}),
    ("qualification.recorded", {"criterion": "industry", "value": "not_met"}),
    ("qualification.recorded", {"criterion": "industry", "value": "met"}),
    ("account.linked", {"account_id": "acme"}),
    (FORM, {"form_id": "f", "fields": {}}),
)


class World:
    """What one contact tells another waits in a queue for each pair, as in the lanes' partitions.

    Contacts are written after each interaction and read again: nothing hangs on memory.
    """

    def __init__(self, keys: tuple[str, ...] = KEYS) -> None:
        self.rows = {key: Contact.new("default", key) for key in keys}
        self.logs = dict.fromkeys(keys, b"")
        self.chunks: dict[str, dict[int, bytes]] = {key: {} for key in keys}
        self.changes: dict[str, list[Change]] = {key: [] for key in keys}
        self.signals: dict[str, list[Signal]] = {key: [] for key in keys}
        self.queues: dict[Way, deque[Interaction]] = {}
        self.sent: list[Interaction] = []
        self.loads = self.told = 0

    def tell(self, each: Interaction) -> Decision:
        self.told += 1
        key = each.contact_id
        contact = self.rows[key]
        if contact.needs_sealed(each):
            self.loads += 1
            contact.load_sealed(self._sealed(key))
        decision = decide(contact, each, Address(1, self.told), RULES, each.time)
        self._heard(key, decision, each.arrived_at)
        self._store(key)
        return decision

    def _heard(self, key: str, decision: Decision, at: int) -> None:
        self.changes[key] += decision.changes
        self.signals[key] += decision.signals
        self.answer(key, decision.commands, at)

    def answer(self, key: str, commands: Iterable[Command], at: int) -> None:
        """What the contact tells others."""
        for command in commands:
            carried = _carried(command, max(at, command.time))
            self.sent.append(carried)
            self.queues.setdefault((key, command.contact_id), deque()).append(carried)

    def _sealed(self, key: str) -> list[bytes]:
        return [self.chunks[key][n] for n in sorted(self.chunks[key])]

    def _store(self, key: str) -> None:
        taken = self.rows[key].take_change()
        if taken is None:
            return
        change, sealed = taken
        kept = self.logs[key][: change.log_keep]
        self.logs[key] = change.log_head + kept + change.log_tail
        self.chunks[key] |= {chunk.chunk: chunk.body for chunk in sealed}
        self.rows[key] = Contact.stored(
            change.tenant,
            key,
            self.rows[key].version,
            change.stage,
            change.seq,
            change.state,
            self.logs[key],
        )

    def deliver(self, way: Way) -> None:
        self.tell(self.queues[way].popleft())

    @property
    def ways(self) -> list[Way]:
        return sorted(way for way, queue in self.queues.items() if queue)

    def settle(self) -> None:
        for _ in range(10_000):
            if not self.ways:
                return
            self.deliver(self.ways[0])
        raise AssertionError("the identities never come to rest")

    def wait(self, until: int = END) -> None:
        for key, contact in self.rows.items():
            self._heard(key, decide_due(contact, RULES, until), until)
            self._store(key)


def _carried(command: Command, at: int) -> Interaction:
    """Through JSON, as through the topic."""
    data = json.loads(json.dumps(command.data))
    return Interaction(
        "default", command.contact_id, FUNNEL, command.id, command.type, command.time, at, data
    )


def event(key: str, id_: str, kind: str, time: int, data: Any, **more: Any) -> Interaction:
    return Interaction("default", key, "/a", id_, kind, time, time + 1_000, data, **more)


def link(key: str, id_: str, other: str, time: int, type_: str = LINKED) -> Interaction:
    data = {"other": other, "evidence": "form", "actor": "rep"}
    return event(key, id_, type_, time, data)


def retraction(id_: str, target: Interaction, time: int) -> Interaction:
    data = {"event_id": target.id, "event_source": target.source, "reason": "wrong"}
    return event(target.contact_id, id_, RETRACTION, time, data)


@st.composite
def stories(draw: st.DrawFn, keys: tuple[str, ...] = KEYS) -> list[Interaction]:
    """In the order of arrival. Ids are told again by other identities; links tie in time."""
    key, id_ = st.sampled_from(keys), st.sampled_from([f"e{n}" for n in range(14)])
    found: dict[tuple[str, str], Interaction] = {}
    for _ in range(draw(st.integers(2, 14))):
        kind, data = draw(st.sampled_from(SHAPES))
        if kind == FORM and draw(st.booleans()):
            data = {**data, "visitor_id": draw(key)}
        hours = draw(st.sampled_from((0, 1, 24, 30, 480, 2_400)))
        time = START + hours * HOUR + draw(st.integers(0, 2))
        one = event(draw(key), draw(id_), kind, time, data, automated=draw(st.integers(0, 7)) == 0)
        found.setdefault((one.contact_id, one.id), one)
    for n in range(draw(st.integers(1, 7))):
        type_ = draw(st.sampled_from((LINKED, LINKED, LINKED, UNLINKED)))
        time = START + 5_000 * HOUR + draw(st.integers(0, 4))
        one = link(draw(key), f"l{n}", draw(key), time, type_)
        found[one.contact_id, one.id] = one
    for n in range(draw(st.sampled_from((0, 0, 1, 2)))):
        target = draw(st.sampled_from(sorted(found.values(), key=lambda e: (e.contact_id, e.id))))
        time = START + draw(st.sampled_from((0, 6_000))) * HOUR
        one = retraction(f"r{n}", target, time)
        found[one.contact_id, one.id] = one
    return draw(st.permutations(sorted(found.values(), key=lambda e: (e.contact_id, e.id))))


def standing_interactions(arrived: list[Interaction]) -> list[Interaction]:
    """Without what was retracted; a retraction can't be."""
    gone = {
        (each.contact_id, str(each.data["event_source"]), str(each.data["event_id"]))
        for each in arrived
        if each.type == RETRACTION
    }
    return [
        each
        for each in arrived
        if each.type != RETRACTION and (each.contact_id, each.source, each.id) not in gone
    ]


def roots_of(arrived: list[Interaction], keys: tuple[str, ...] = KEYS) -> dict[str, str]:
    """By the definition: the last link wins; of a ring the smallest key is the root."""
    said = [_said(each) for each in standing_interactions(arrived)]
    primary: dict[str, str] = {}
    for _, _, _, me, type_, other in sorted(each for each in said if each is not None):
        if type_ == LINKED and other != me:
            primary[me] = other
        elif type_ == UNLINKED and primary.get(me) == other:
            del primary[me]
    roots = {}
    for key in keys:
        seen = [key]
        while (up := primary.get(seen[-1])) is not None and up not in seen:
            seen.append(up)
        last = primary.get(seen[-1])
        roots[key] = seen[-1] if last is None else min(seen[seen.index(last) :])
    return roots


def _said(each: Interaction) -> tuple[int, str, str, str, str, str] | None:
    """(time, source, id, of, type, other) of a link, or of what a form says of its visitor."""
    if each.type in (LINKED, UNLINKED):
        return (
            each.time,
            each.source,
            each.id,
            each.contact_id,
            each.type,
            str(each.data["other"]),
        )
    visitor = each.data.get("visitor_id")
    if each.type != FORM or visitor is None or each.automated:
        return None
    return each.time, FUNNEL, f"{each.contact_id} {each.id}", str(visitor), LINKED, each.contact_id


def union_as_own(key: str, union: list[Interaction]) -> list[Interaction]:
    """In folding order, as one contact's own: the ids of each identity kept apart."""
    ordered = sorted(union, key=lambda e: (e.time, e.source, e.id, _rank(key, e.contact_id)))
    return [replace(e, contact_id=key, id=f"{e.id}\0{_rank(key, e.contact_id)}") for e in ordered]


def _rank(key: str, member: str) -> str:
    return "" if member == key else member
