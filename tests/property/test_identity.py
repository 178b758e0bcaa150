"""Links of identities: whatever the order in which commands arrive, the union is what is folded."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain import evidence_log
from app.domain.changes import Change
from app.domain.contact import Contact
from app.domain.decide import decide, decide_due
from app.domain.identity import LINKED, UNLINKED
from app.domain.interaction import Address, Interaction
from app.domain.state import State
from tests.property.arrivals import HOUR, START, standing
from tests.property.identities import (
    END,
    KEYS,
    RULES,
    World,
    link,
    roots_of,
    standing_interactions,
    stories,
    union_as_own,
)

relaxed = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def _short_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a dozen interactions seal chunks."""
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 3)


@relaxed
@given(stories(), st.data())
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
    roots = roots_of(arrived)
    for key, contact in world.rows.items():
        assert [each.seq for each in world.changes[key]] == [
            n + 1 for n in range(len(world.changes[key]))
        ]
        if roots[key] != key:
            assert contact.stage == "none", (key, roots)
            assert standing(world.changes[key]) == []
            assert contact.check_at is None
            continue
        group = {other for other in KEYS if roots[other] == key}
        union = [e for e in standing_interactions(arrived) if e.contact_id in group]
        assert _moves(world.changes[key]) == _moves(_folded(key, union)), (key, roots)


def _moves(changes: list[Change]) -> list[tuple[Any, ...]]:
    """What stands, with the evidence by the ids that were given it."""
    return [(*move[:6], move[6].event_id.partition("\0")[0]) for move in standing(changes)]


def _folded(key: str, union: list[Interaction]) -> list[Change]:
    contact = Contact.new("default", key)
    changes: list[Change] = []
    plain = [e for e in union if e.type not in (LINKED, UNLINKED)]
    for n, each in enumerate(union_as_own(key, plain)):
        decision = decide(contact, replace(each, data=_unnamed(each)), Address(1, n), RULES, END)
        changes += decision.changes
        contact.load_sealed(_no_chunks(contact))
    changes += decide_due(contact, RULES, END).changes
    return changes


def _unnamed(each: Interaction) -> dict[str, Any]:
    return {name: value for name, value in each.data.items() if name != "visitor_id"}


def _no_chunks(contact: Contact) -> list[bytes]:
    """It stays in memory: what it sealed is not stored."""
    return []


@relaxed
@given(stories(keys=("a", "b")))
def test_link_unlink_and_link_again_is_link(arrived: list[Interaction]) -> None:
    plain = [
        replace(each, data=_unnamed(each))
        for each in arrived
        if each.type not in (LINKED, UNLINKED)
    ]
    at = START + 6_000 * HOUR
    once, again = World(), World()
    for world, types in ((once, (LINKED,)), (again, (LINKED, UNLINKED, LINKED))):
        for each in plain:
            world.tell(each)
        for n, type_ in enumerate(types):
            world.tell(link("a", f"x{n}", "b", at + n, type_))
            world.settle()
        world.wait()
    for key in ("a", "b"):
        assert standing(once.changes[key]) == standing(again.changes[key])
        assert _timeless(once.rows[key].fold) == _timeless(again.rows[key].fold)


@relaxed
@given(stories(keys=("a", "b")))
def test_unlinked_is_as_never_linked(arrived: list[Interaction]) -> None:
    plain = [
        replace(each, data=_unnamed(each))
        for each in arrived
        if each.type not in (LINKED, UNLINKED)
    ]
    at = START + 6_000 * HOUR
    never, linked = World(), World()
    for each in plain:
        never.tell(each)
        linked.tell(each)
    for n, type_ in enumerate((LINKED, UNLINKED)):
        linked.tell(link("a", f"x{n}", "b", at + n, type_))
        linked.settle()
    for world in (never, linked):
        world.wait()
    for key in ("a", "b"):
        assert standing(never.changes[key]) == standing(linked.changes[key])
        assert _timeless(never.rows[key].fold) == _timeless(linked.rows[key].fold)


def _timeless(state: State) -> State:
    """Without where the log ends: the links themselves are in it."""
    state.head_time = state.next_due = 0
    return state
