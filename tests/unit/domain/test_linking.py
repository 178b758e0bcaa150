"""What a linked identity tells its primary, and what the primary makes of it."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from app.domain import evidence_log
from app.domain.calendar import DAY
from app.domain.changes import Verdict
from app.domain.decide import decide, decide_due
from app.domain.identity import EVIDENCE, LINKED, UNLINKED
from app.domain.interaction import Address, Interaction
from app.domain.routing import home_partition, routing_key
from app.domain.timeline import Timeline
from app.domain.topics import CONTACT_LANE_INPUTS, Topic
from app.handling.records import SourceRecord
from app.inbound.decoding import make_decoder
from app.models import load_rules
from app.settings import Limits
from tests.property.arrivals import HOUR, START
from tests.property.identities import RULES, World, event, link, retraction
from tests.unit.outbound.decisions import encoder

NOW = START + 100 * HOUR
DEMO = {"product_id": "p"}
REPLY = {"message_id": "m", "is_auto_reply": False}
SIGN_UP = {"email": "ada@example.org", "list_id": "l", "consent": True}


def demo(key: str, id_: str, time: int = NOW, **more: Any) -> Interaction:
    return event(key, id_, "demo.requested", time, DEMO, **more)


@pytest.fixture
def world() -> World:
    """`b` is linked to `a`, who signed up."""
    world = World()
    world.tell(event("a", "e1", "newsletter.signed_up", START, SIGN_UP))
    world.tell(link("b", "l1", "a", START + HOUR))
    world.settle()
    return world


def test_a_later_interaction_is_the_primarys_as_if_it_were_its_own(world: World) -> None:
    """In order: neither late nor told as the command that carried it."""
    world.tell(demo("b", "e2"))
    world.settle()
    moves = [each for each in world.changes["a"] if each.effective_at == NOW]
    assert [(each.transition, each.late) for each in moves] == [("T2", False), ("T3", False)]
    assert {(each.cause.event_id, each.cause.type) for each in moves} == {("e2", "demo.requested")}
    assert "handoff_requested" in [each.kind for each in world.signals["a"]]
    assert world.changes["b"] == []
    assert world.signals["b"] == []


@pytest.mark.parametrize(
    "old",
    [demo("b", "e2", is_backfill=True), replace(demo("b", "e2"), arrived_at=NOW + 8 * DAY)],
    ids=["backfilled", "stale"],
)
def test_what_was_too_old_for_the_secondary_is_too_old_for_the_primary(
    world: World, old: Interaction
) -> None:
    world.signals["a"].clear()
    world.tell(old)
    world.settle()
    assert world.rows["a"].stage == "opportunity"
    assert world.signals["a"] == []


def test_evidence_that_is_all_too_old_asks_nobody_when_it_is_linked() -> None:
    world = World()
    world.tell(event("a", "e1", "newsletter.signed_up", START, SIGN_UP, is_backfill=True))
    for n in range(2):
        world.tell(demo("b", f"e{n}", NOW + n, is_backfill=True))
    world.tell(link("b", "l1", "a", NOW + HOUR))
    world.settle()
    assert world.rows["a"].stage == "opportunity"
    assert world.signals["a"] == []


def test_an_imported_secondary_holds_up_the_timers_of_its_primary(world: World) -> None:
    world.tell(demo("b", "e2", is_backfill=True))
    world.settle()
    assert world.rows["a"].book.backfilled_until > NOW


def test_later_interactions_need_no_sealed_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 3)
    world = World()
    for n in range(12):
        world.tell(event("a", f"e{n}", "email.replied", START + n * HOUR, REPLY))
    world.tell(link("b", "l1", "a", START + HOUR))
    world.settle()
    assert world.chunks["a"]
    loads = world.loads
    for n in range(4):
        world.tell(event("b", f"new {n}", "email.replied", NOW + n, REPLY))
        world.settle()
    assert world.loads == loads


def test_a_copy_of_evidence_changes_nothing(world: World) -> None:
    world.tell(demo("b", "e2"))
    world.tell(event("b", "e3", "email.replied", START, REPLY))
    world.settle()
    before, log = list(world.changes["a"]), world.logs["a"]
    for sent in [each for each in world.sent if each.type == EVIDENCE]:
        world.tell(sent)
    assert world.changes["a"] == before
    assert world.logs["a"] == log


def test_equal_ids_of_two_identities_are_two_interactions(world: World) -> None:
    world.tell(event("b", "e1", "email.replied", NOW, REPLY))
    world.settle()
    assert world.rows["a"].stage == "prospect"
    world.tell(retraction("r1", event("a", "e1", "", START, {}), NOW + 1))
    world.settle()
    assert world.rows["a"].stage == "prospect"
    world.tell(retraction("r1", event("b", "e1", "", START, {}), NOW + 1))
    world.settle()
    assert world.rows["a"].stage == "none"


def test_a_retracted_link_is_as_never_said(world: World) -> None:
    world.tell(demo("b", "e2"))
    world.settle()
    world.tell(retraction("r1", link("b", "l1", "a", START + HOUR), NOW + 1))
    world.settle()
    assert (world.rows["a"].stage, world.rows["b"].stage) == ("lead", "opportunity")
    world.tell(retraction("r2", link("b", "l2", "a", NOW), NOW + 2))
    world.tell(link("b", "l2", "a", NOW + 3))
    assert world.rows["b"].book.primary is None


def form(id_: str, time: int, **more: Any) -> Interaction:
    data = {"form_id": "f", "fields": {}, "visitor_id": "b"}
    return event("a", id_, "form.submitted", time, data, **more)


def test_a_form_links_its_visitor_until_the_last_form_that_says_so_is_retracted() -> None:
    world = World()
    forms = [form(f"f{n}", NOW + n) for n in range(2)]
    for each in forms:
        world.tell(each)
    world.settle()
    assert world.rows["b"].book.primary == "a"
    for n, primary in enumerate(("a", None)):
        world.tell(retraction(f"r{n}", forms[n], NOW + 9))
        world.settle()
        assert world.rows["b"].book.primary == primary


@pytest.mark.parametrize(
    "nobodys",
    [form("f", NOW, automated=True), replace(form("f", NOW), contact_id="info@example.org")],
    ids=["a machine", "a role mailbox"],
)
def test_a_form_of_nobody_links_nobody(nobodys: Interaction) -> None:
    world = World(("a", "b", "info@example.org"))
    assert list(world.tell(nobodys).commands) == []


def test_a_form_that_was_retracted_before_it_came_links_nobody() -> None:
    world = World()
    world.tell(retraction("r", form("f", NOW), NOW))
    assert list(world.tell(form("f", NOW)).commands) == []


def test_a_linked_identity_has_no_timer_and_no_stage_in_any_model(world: World) -> None:
    world.tell(demo("b", "e2"))
    world.settle()
    timeline = Timeline.of(RULES)
    for n, mode in enumerate(("forward", "refold")):
        timeline = timeline.activated(load_rules("strict@1"), mode, NOW + n)  # type: ignore[arg-type]
        contact = world.rows["b"]
        contact.load_sealed([])
        assert decide_due(contact, timeline, NOW + 900 * DAY).changes == []
        assert (contact.stage, contact.check_at) == ("none", None)


def test_a_refold_of_a_primary_keeps_whose_its_evidence_is(world: World) -> None:
    world.tell(demo("b", "e2"))
    world.settle()
    timeline = Timeline.of(RULES).activated(load_rules("strict@1"), "refold", NOW + 1)
    contact = world.rows["a"]
    contact.load_sealed([])
    decide_due(contact, timeline, NOW + 2)
    assert contact.stage == "lead"
    assert [entry.member for entry in contact.timeline()] == ["b", None]
    world.tell(link("b", "l2", "a", NOW + 3, UNLINKED))
    (withdrawn,) = world.queues["b", "a"]
    decide(contact, withdrawn, Address(1, 1), timeline, NOW + 3)
    assert [entry.member for entry in contact.timeline()] == [None]


def test_a_long_history_goes_in_records_that_any_lane_takes() -> None:
    world = World(("a", "b"))
    contact = world.rows["b"]
    contact.load_sealed([])
    many = 1_500
    for n in range(many):
        channel = "kanal-ä" * 8
        contact.load_sealed([])
        each = event("b", f"{n:064}", "website.visited", START + n, {"page_kind": "ö" * 60})
        decide(contact, replace(each, channel=channel), Address(1, n), RULES, NOW)
    said = link("b", "l1", "a", NOW)
    decision = decide(contact, said, Address(1, many), RULES, NOW)
    made = [encoder(partitions=1).command("default", each) for each in decision.commands]
    assert len(made) > 3
    decode = make_decoder(RULES, Limits(), CONTACT_LANE_INPUTS, 1)
    topic = CONTACT_LANE_INPUTS.index(Topic.COMMANDS)
    found = 0
    for record in made:
        taken = decode(
            SourceRecord(topic, 0, 0, NOW // 1_000, record.key, record.value, record.headers)
        )
        assert isinstance(taken, Interaction), taken
        found += len(taken.data["entries"])
    assert found == many


def test_a_command_stays_within_the_tenant() -> None:
    world = World(("a", "b"))
    decision = world.tell(link("b", "l1", "a", NOW))
    (record,) = [encoder().command("acme", each) for each in decision.commands]
    assert json.loads(record.value or b"")["tenantid"] == "acme"
    key = routing_key("acme", "a")
    assert (record.key, record.partition) == (key.encode(), home_partition(key, 12))


def test_links_of_one_identity_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.domain.identity.LINKS_MAX", 3)
    world = World()
    for n in range(6):
        world.tell(link("b", f"l{n}", "ac"[n % 2], NOW + n))
    world.settle()
    assert len(world.rows["b"].book.links) == 3
    assert world.rows["b"].book.primary == "c"


def test_a_duplicate_link_changes_nothing(world: World) -> None:
    said = link("b", "l1", "a", START + HOUR)
    assert world.tell(said).verdict is Verdict.DUPLICATE
    assert world.tell(replace(said, type=LINKED, id="l9")).changes == []
    world.settle()
    assert world.rows["b"].book.link_version == 1
