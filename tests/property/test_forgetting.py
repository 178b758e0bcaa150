"""An erased identity is gone from all that were ever linked to it; the others are as without it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain import evidence_log
from app.domain.book import encode_book
from app.domain.erasure import ERASURE, erase, refusal
from app.domain.identity import LINKED
from app.domain.interaction import Interaction
from tests.property.arrivals import START
from tests.property.identities import KEYS, RULES, World, event, roots_of, stories

NAMES = {key: f"somebody-{key}" for key in KEYS}


class Forgetful(World):
    """Lanes that erase: what comes for an erased contact is answered, as the decider does."""

    def __init__(self) -> None:
        super().__init__(tuple(NAMES.values()))
        self.gone: set[str] = set()

    def receive(self, each: Interaction) -> None:
        key = each.contact_id
        if key in self.gone:
            answer = refusal(each)
            if answer is not None:
                self.answer(key, [answer], each.arrived_at)
        elif each.type == ERASURE:
            self.rows[key].load_sealed(self._sealed(key))
            commands = erase(self.rows[key], each, RULES).commands
            self.logs[key], self.chunks[key] = b"", {}
            self.gone.add(key)
            self.answer(key, commands, each.arrived_at)
        else:
            self.tell(each)

    def deliver(self, way: tuple[str, str]) -> None:
        self.receive(self.queues[way].popleft())


def _named(each: Interaction) -> Interaction:
    """Keys that can be searched for. What a form says of its visitor is the form's own."""
    data = {
        name: NAMES[str(value)] if name == "other" else value
        for name, value in each.data.items()
        if name != "visitor_id"
    }
    return Interaction(
        each.tenant, NAMES[each.contact_id], each.source, each.id, each.type, each.time,
        each.arrived_at, data, each.automated,
    )  # fmt: skip


def _leads_up(each: Interaction) -> bool:
    """Links that only ever lead to a smaller key make no ring."""
    return str(each.data.get("other", "")) > each.contact_id


@pytest.fixture(autouse=True)
def _short_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 3)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(stories(), st.sampled_from(KEYS))
def test_whoever_is_linked_goes_too_and_nobody_else_names_them(
    arrived: list[Interaction], erased: str
) -> None:
    """But for rings of links: there a key may come to one whom nobody asks for it."""
    arrived = [each for each in arrived if not _leads_up(each)]
    world = Forgetful()
    for each in arrived:
        world.receive(_named(each))
        world.settle()
    before = {key: (row.stage, len(world.changes[key])) for key, row in world.rows.items()}
    request = event(NAMES[erased], "r", ERASURE, START, {"request_id": "r-7"})
    world.receive(request)
    world.settle()
    roots = roots_of([replace(e, data={**e.data, "visitor_id": None}) for e in arrived])
    group = {NAMES[key] for key in KEYS if roots[key] == roots[erased]}
    assert world.gone == group
    for key, contact in world.rows.items():
        if key in world.gone:
            continue
        stored = encode_book(contact.book) + world.logs[key] + b"".join(world._sealed(key))
        assert [name for name in world.gone if name.encode() in stored] == []
        assert (contact.stage, len(world.changes[key])) == before[key]


def test_a_link_to_an_erased_contact_does_not_hold() -> None:
    world = Forgetful()
    a, b = NAMES["a"], NAMES["b"]
    world.receive(event(b, "r", ERASURE, START, {"request_id": "r-7"}))
    reply = {"message_id": "m", "is_auto_reply": False}
    world.receive(event(a, "e1", "email.replied", START, reply))
    said = {"other": b, "evidence": "form", "actor": "rep"}
    world.receive(event(a, "l1", LINKED, START + 1, said))
    world.settle()
    assert (world.rows[a].book.primary, world.rows[a].stage) == (None, "prospect")
    assert b.encode() not in encode_book(world.rows[a].book)
