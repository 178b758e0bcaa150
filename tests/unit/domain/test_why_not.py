"""Why not: the missing guards, the least that would do it, and what waiting alone would do."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from app.domain.contact import Contact
from app.domain.decide import decide_due
from app.domain.log import encode
from app.domain.model import compile_model, extended
from app.domain.why_not import WhyNot, why_not
from app.models import load_definition, load_rules
from tests.unit.domain.story import DAY, MONDAY, Story, interaction

Steps = list[tuple[str, float, dict[str, Any]]]
FACT = "qualification.recorded"
LEAD: Steps = [("newsletter.signed_up", 0, {})]
OPPORTUNITY: Steps = [("demo.requested", 0, {})]
CUSTOMER: Steps = [("deal.won", 0, {})]


def told(steps: Steps, model: str = "b2b-default@1") -> Story:
    one = Story(load_rules(model))
    for kind, day, data in steps:
        one.tell(kind, day, **data)
    return one


def asked(one: Story, target: str, day: float = 10) -> WhyNot:
    at = MONDAY + round(day * DAY)
    return why_not(one.contact.contact_id, one.contact.fold, target, at, one.rules)


def suggested(answer: WhyNot) -> list[str]:
    """In short: the type, or the fact."""
    return [
        f"{each.data['criterion']} {each.data['value']}" if each.type == FACT else each.type
        for each in answer.suggestion
    ]


def lead_with(*facts: tuple[str, str]) -> Steps:
    return [*LEAD, *[(FACT, 1, {"criterion": name, "value": value}) for name, value in facts]]


OPTED_OUT: Steps = [*LEAD, ("contact.opted_out", 1, {})]
LOST: Steps = [*OPPORTUNITY, ("deal.lost", 1, {})]
TWO_DEALS: Steps = [*OPPORTUNITY, ("deal.updated", 1, {"deal_id": "a"}),
                    ("deal.updated", 1, {"deal_id": "b", "event_id": "other"})]  # fmt: skip

ANSWERS: list[tuple[str, Steps, str, list[str]]] = [
    ("b2b-default@1", [], "lead", ["website.visited"]),
    ("b2b-default@1", [], "opportunity", ["demo.requested"]),
    ("b2b-default@1", LEAD, "prospect", ["email.replied"]),
    ("b2b-default@1", LEAD, "opportunity", ["demo.requested"]),
    ("b2b-default@1", LEAD, "customer", ["deal.won"]),
    ("b2b-default@1", LEAD, "disqualified", ["industry not_met"]),
    ("b2b-default@1", lead_with(("can_use", "not_met")), "prospect",
     ["can_use met", "email.replied"]),
    ("b2b-default@1", OPTED_OUT, "prospect", ["contact.opted_in", "email.replied"]),
    ("b2b-default@1", OPPORTUNITY, "recycled", ["handoff.rejected"]),
    ("b2b-default@1", OPPORTUNITY, "lost", ["deal.lost"]),
    ("b2b-default@1", TWO_DEALS, "lost", ["deal.lost", "deal.lost"]),
    ("b2b-default@1", LOST, "opportunity", ["demo.requested"]),
    ("b2b-default@1", [*OPPORTUNITY, ("deal.lost", 1, {"reason": "no_fit"})], "opportunity",
     ["deal.reopened"]),
    ("b2b-default@1", CUSTOMER, "opportunity", ["demo.requested"]),
    ("b2b-default@1", CUSTOMER, "prospect", ["customer.churned", "email.replied"]),
    ("b2b-default@1", lead_with(("fit", "not_met")), "lead", ["fit met"]),
    ("profile-first@1", LEAD, "prospect", ["industry met", "email.replied"]),
    ("profile-first@1", OPPORTUNITY, "opportunity", ["industry met"]),
    ("profile-first@1", lead_with(("industry", "met")), "opportunity", ["demo.requested"]),
    ("strict@1", LEAD, "prospect", ["budget met", "email.replied"]),
    ("strict@1", [], "opportunity",
     ["authority decision_maker", "budget met", "pain met", "interest met", "fit met",
      "demo.requested"]),
    ("strict@1", [*lead_with(("budget", "met"), ("authority", "influencer"), ("pain", "met"),
                             ("interest", "met"), ("fit", "met")), ("demo.requested", 2, {})],
     "opportunity", ["authority decision_maker"]),
    ("content-led@1", lead_with(("industry", "met"), ("need", "met"), ("budget", "met")),
     "prospect", ["content.downloaded"]),
    ("two-stage@1", LEAD, "opportunity", ["demo.requested"]),
    ("handoff-at-prospect@1", LEAD, "recycled", ["email.replied", "handoff.rejected"]),
]  # fmt: skip


@pytest.mark.parametrize(("model", "steps", "target", "least"), ANSWERS)
def test_the_least_that_would_do_it(
    model: str, steps: Steps, target: str, least: list[str]
) -> None:
    answer = asked(told(steps, model), target)
    assert suggested(answer) == least
    assert answer.is_reachable
    assert answer.tried >= len(least)
    assert target in {move.to_stage for move in answer.moves}


@pytest.mark.parametrize(("model", "steps", "target", "least"), ANSWERS)
def test_told_for_real_it_does_what_was_foreseen(
    model: str, steps: Steps, target: str, least: list[str]
) -> None:
    one = told(steps, model)
    answer = asked(one, target)
    changes = [
        change
        for n, each in enumerate(answer.suggestion)
        for change in one.hear(
            replace(interaction(each.type, 10 + n, event_id=f"s{n}"), data=each.data)
        ).changes
    ]
    assert [each.transition for each in changes] == [each.transition for each in answer.moves]
    assert target in {each.to_stage for each in changes}


def test_missing_guards_are_told_with_what_was_seen_and_what_is_required() -> None:
    answer = asked(told(OPTED_OUT), "opportunity")
    assert [(way.transition, way.from_stage) for way in answer.ways] == [
        ("T2", "lead"), ("T3", "prospect"),
    ]  # fmt: skip
    missing = {each.guard: each for way in answer.ways for each in way.guards if not each.passed}
    assert set(missing) == {"two_way_recent", "intent_active", "not_blocked"}
    assert missing["not_blocked"].observed == "opted out of processing"
    assert "180 d" in missing["two_way_recent"].required


def test_moves_are_foreseen_with_their_guards() -> None:
    foreseen = asked(told(LEAD), "opportunity").moves
    assert [(move.transition, move.to_stage) for move in foreseen] == [
        ("T2", "prospect"), ("T3", "opportunity"),
    ]  # fmt: skip
    assert all(guard.passed for move in foreseen for guard in move.guards)
    assert "demo.requested" in foreseen[1].guards[0].observed


def test_nothing_of_it_touches_the_contact() -> None:
    one = told([*LEAD, ("email.replied", 1, {}), ("email.link_clicked", 2, {})])
    before = encode(one.contact.fold)
    asked(one, "lost", 300)
    assert encode(one.contact.fold) == before
    assert one.contact.stage == "prospect"


def test_the_same_question_has_the_same_answer() -> None:
    assert asked(told(OPTED_OUT), "lost") == asked(told(OPTED_OUT), "lost")


@pytest.mark.parametrize(
    ("steps", "target", "timer", "day"),
    [
        (LEAD, "recycled", "lead_dormant", 180),
        ([("email.replied", 0, {})], "recycled", "prospect_idle", 120),
        (OPPORTUNITY, "recycled", "opp_stale", 60),
        (LOST, "recycled", "lost_cooldown", 31),
        ([*LEAD, ("stage.override", 1, {"to_stage": "prospect"}), ("demo.requested", 2, {})],
         "opportunity", "pin_end", 31),
    ],
)  # fmt: skip
def test_what_waiting_alone_would_do_is_said_with_its_date(
    steps: Steps, target: str, timer: str, day: float
) -> None:
    one = told(steps)
    alone = asked(one, target).by_itself
    assert alone is not None
    assert (alone.timer, alone.at) == (timer, MONDAY + day * DAY)
    assert alone.moves[-1].to_stage == target
    decide_due(one.contact, one.rules, alone.at - 1)
    assert one.stage != target
    decide_due(one.contact, one.rules, alone.at)
    assert one.stage == target


def test_timers_that_are_due_have_fired_before_the_question() -> None:
    assert asked(told(LEAD), "prospect", day=181).stage == "recycled"


def test_a_pinned_contact_is_moved_only_after_its_pin() -> None:
    answer = asked(told([*LEAD, ("stage.override", 1, {"to_stage": "prospect"})]), "opportunity")
    assert answer.not_before == MONDAY + 31 * DAY
    assert suggested(answer) == ["demo.requested"]


def test_what_moves_a_pinned_contact_too_is_not_put_off() -> None:
    answer = asked(told([*LEAD, ("stage.override", 1, {"to_stage": "prospect"})]), "customer")
    assert (answer.not_before, suggested(answer)) == (None, ["deal.won"])


BARRED: Steps = [*LEAD, ("contact.disqualified", 1, {})]
UNREACHABLE: list[tuple[str, Steps, str, str]] = [
    ("b2b-default@1", BARRED, "lead", "a person disqualified it: no interaction brings it back"),
    ("b2b-default@1", BARRED, "opportunity", "stage.override"),
    ("two-stage@1", LEAD, "prospect", "has no stage prospect; it has lead, opportunity"),
    ("b2b-default@1", LEAD, "none", "before its first stage"),
    ("b2b-default@1", LEAD, "erased", "privacy.erasure_requested"),
]


@pytest.mark.parametrize(("model", "steps", "target", "why"), UNREACHABLE)
def test_what_nothing_leads_to_is_told_with_the_reason(
    model: str, steps: Steps, target: str, why: str
) -> None:
    answer = asked(told(steps, model), target)
    assert not answer.is_reachable
    assert answer.suggestion == ()
    assert why in (answer.note or "")


def test_a_role_mailbox_is_never_a_person() -> None:
    one = Story(contact_id="info@example.org")
    assert "role mailbox" in (asked(one, "lead").note or "")


def test_a_stage_it_is_in_needs_nothing() -> None:
    answer = asked(told(LEAD), "lead")
    assert (answer.is_reachable, answer.suggestion, answer.note) == (True, (), "it is lead")


def test_a_stage_it_would_only_pass_is_said_to_be_passed() -> None:
    """The intent that waited for the profile takes it further at once."""
    one = told(OPPORTUNITY, "profile-first@1")
    answer = asked(one, "prospect")
    assert suggested(answer) == ["industry met"]
    assert answer.note == "it would not stay there, but go on to opportunity"


def test_own_types_are_thought_of() -> None:
    """Where only a type of the company's own leads on."""
    base, _ = load_definition("b2b-default@1")
    own = extended(base, {
        "interactions": {"game.won": {"requires": ["level"], "class": "one_way"}},
        "transitions": {"T2": {"on": "game.won", "guards": []}},
    })  # fmt: skip
    one = Story(compile_model(own))
    one.tell("newsletter.signed_up")
    answer = asked(one, "prospect")
    assert [(each.type, each.data) for each in answer.suggestion] == [
        ("game.won", {"level": "<level>"})
    ]


def test_an_erased_contact_stays_so() -> None:
    one = told(LEAD)
    one.contact.fold.stage = "erased"
    answer = asked(one, "lead")
    assert (answer.is_reachable, "erased" in (answer.note or "")) == (False, True)


def test_the_search_is_bounded_and_says_how_far_it_went() -> None:
    """Where all ways are too many to try, the shortest is tried alone."""
    answer = asked(told([], "strict@1"), "lost")
    assert 5_000 <= answer.tried <= 20_000


def test_a_new_contact_is_asked_about_like_any_other() -> None:
    empty = Contact.new("default", "crm-9")
    answer = why_not("crm-9", empty.fold, "prospect", MONDAY, load_rules("b2b-default@1"))
    assert [each.type for each in answer.suggestion] == ["email.replied"]
    assert msgspec.json.decode(msgspec.json.encode(answer))["suggestion"]
