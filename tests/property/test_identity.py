"""Links of identities: whatever the order in which commands arrive, the union is what is folded."""

import json
from collections import deque
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.changes import Change, Command
from app.domain.contact import Contact
from app.domain.decide import decide, decide_due
from app.domain.identity import LINKED, UNLINKED
from app.domain.interaction import Address, Interaction
from app.domain.state import State
from app.models import load_rules
from tests.property.arrivals import HOUR, START, standing

RULES = load_rules("b2b-default@1")
KEYS = ("a", "b", "c", "d")
TYPES = (
    ("newsletter.signed_up", {"email": "ada@example.org", "list_id": "l", "consent": True}),
    ("email.replied", {"message_id": "m", "is_auto_reply": False}),
    ("demo.requested", {"product_id": "p"}),
    ("deal.won", {"deal_id": "d"}),
    ("qualification.recorded", {"criterion": "industry", "value": "not_met"}),
    ("qualification.recorded", {"criterion": "industry", "value": "met"}),
)
END = START + 9_000 * HOUR
relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class World:
    """Contacts on lanes of their own; what one tells another waits in a queue for each pair."""

    def __init__(self) -> None:
        self.contacts = {key: Contact.new("default", key) for key in KEYS}
        self.changes: dict[str, list[Change]] = {key: [] for key in KEYS}
        self.queues: dict[tuple[str, str], deque[Interaction]] = {}
        self.told = 0

    def tell(self, each: Interaction) -> None:
        self.told += 1
        contact = self.contacts[each.contact_id]
        decision = decide(contact, each, Address(1, self.told), RULES, each.time)
        self.changes[each.contact_id] += decision.changes
        for command in decision.commands:
            way = self.queues.setdefault((each.contact_id, command.contact_id), deque())
            way.append(_carried(command, each.arrived_at))
        _store(self.contacts, each.contact_id, contact)

    def deliver(self, way: tuple[str, str]) -> None:
        self.tell(self.queues[way].popleft())

    @property
    def ways(self) -> list[tuple[str, str]]:
        return sorted(way for way, queue in self.queues.items() if queue)

    def settle(self) -> None:
        for _ in range(10_000):
            if not self.ways:
                return
            self.deliver(self.ways[0])
        raise AssertionError("the identities never come to rest")

    def wait(self) -> None:
        for key, contact in self.contacts.items():
            self.changes[key] += decide_due(contact, RULES, END).changes


def _carried(command: Command, at: int) -> Interaction:
    """Through JSON, as through the topic."""
    data = json.loads(json.dumps(command.data))
    return Interaction(
        "default", command.contact_id, "/funnel", command.id, command.type, command.time, at, data
    )


def _store(contacts: dict[str, Contact], key: str, contact: Contact) -> None:
    """Written and read again: nothing hangs on what is in memory."""
    taken = contact.take_change()
    if taken is not None:
        change, chunks = taken
        assert not chunks
        assert change.log_keep == 0 or len(contact._log) >= change.log_keep


@st.composite
def events(draw: st.DrawFn, keys: tuple[str, ...] = KEYS) -> list[Interaction]:
    found = []
    for n in range(draw(st.integers(2, 12))):
        kind, data = draw(st.sampled_from(TYPES))
        found.append(_event(draw(st.sampled_from(keys)), f"e{n}", kind, _moment(draw), data))
    for n in range(draw(st.integers(1, 5))):
        me = draw(st.sampled_from(keys))
        other = draw(st.sampled_from(keys))
        type_ = draw(st.sampled_from((LINKED, LINKED, LINKED, UNLINKED)))
        data = {"other": other, "evidence": "form", "actor": "rep"}
        found.append(_event(me, f"l{n}", type_, START + 5_000 * HOUR + n, data))
    return draw(st.permutations(found))


def _moment(draw: st.DrawFn) -> int:
    return (
        START + draw(st.sampled_from((0, 1, 24, 30, 480, 2_400))) * HOUR + draw(st.integers(0, 2))
    )


def _event(me: str, id_: str, kind: str, time: int, data: Any) -> Interaction:
    return Interaction("default", me, "/a", id_, kind, time, time + 1_000, data)


def _root_of(arrived: list[Interaction]) -> dict[str, str]:
    """By the definition: the last link wins; of a ring the smallest key is the root."""
    primary: dict[str, str] = {}
    links = [each for each in arrived if each.type in (LINKED, UNLINKED)]
    for link in sorted(links, key=lambda each: (each.time, each.source, each.id)):
        other = str(link.data["other"])
        if link.type == LINKED and other != link.contact_id:
            primary[link.contact_id] = other
        elif link.type == UNLINKED and primary.get(link.contact_id) == other:
            del primary[link.contact_id]
    roots = {}
    for key in KEYS:
        seen = [key]
        while (up := primary.get(seen[-1])) is not None and up not in seen:
            seen.append(up)
        last = primary.get(seen[-1])
        roots[key] = seen[-1] if last is None else min(seen[seen.index(last) :])
    return roots


@relaxed
@given(events(), st.data())
def test_each_root_folds_the_union_and_the_linked_have_no_stage(
    arrived: list[Interaction], data: st.DataObject
) -> None:
    world = World()
    for each in arrived:
        world.tell(each)
        for _ in range(data.draw(st.integers(0, 3)) if world.ways else 0):
            if not world.ways:
                break
            world.deliver(data.draw(st.sampled_from(world.ways)))
    world.settle()
    world.wait()
    roots = _root_of(arrived)
    for key, contact in world.contacts.items():
        if roots[key] != key:
            assert contact.stage == "none", (key, roots)
            assert standing(world.changes[key]) == []
            continue
        group = {other for other in KEYS if roots[other] == key}
        union = [e for e in arrived if e.contact_id in group and e.type not in (LINKED, UNLINKED)]
        expected = _folded(key, union)
        found = standing(world.changes[key])
        assert [move[:6] for move in found] == [move[:6] for move in expected], (key, roots)


def _folded(key: str, union: list[Interaction]) -> list[tuple[object, ...]]:
    """As one contact's own, each identity's ids kept apart."""
    contact = Contact.new("default", key)
    changes: list[Change] = []
    own = [
        Interaction("default", key, e.source, e.id, e.type, e.time, e.arrived_at, e.data)
        for e in union
    ]
    for n, each in enumerate(sorted(own, key=lambda e: (e.time, e.source, e.id))):
        changes += decide(contact, each, Address(1, n), RULES, each.time).changes
    changes += decide_due(contact, RULES, END).changes
    return standing(changes)


@relaxed
@given(events(keys=("a", "b")))
def test_link_unlink_and_link_again_is_link(arrived: list[Interaction]) -> None:
    plain = [each for each in arrived if each.type not in (LINKED, UNLINKED)]
    data = {"other": "b", "evidence": "form", "actor": "rep"}
    at = START + 6_000 * HOUR
    once, again = World(), World()
    for world, types in ((once, (LINKED,)), (again, (LINKED, UNLINKED, LINKED))):
        for each in plain:
            world.tell(each)
        for n, type_ in enumerate(types):
            world.tell(_event("a", f"l{n}", type_, at + n, data))
            world.settle()
        world.wait()
    for key in ("a", "b"):
        assert standing(once.changes[key]) == standing(again.changes[key])
        assert _timeless(once.contacts[key].fold) == _timeless(again.contacts[key].fold)


def _timeless(state: State) -> State:
    """Without where the log ends: the links themselves are in it."""
    state.head_time = state.next_due = 0
    return state
