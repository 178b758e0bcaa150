"""Which model decides: forward for what is later, refold for all history, a map for lost stages."""

from typing import Any

import yaml

from app.domain.changes import Verdict
from app.domain.decide import decide_due
from app.domain.model import Rules, compile_model
from app.domain.timeline import Timeline
from app.models import load_definition, load_rules
from tests.unit.domain.story import B2B, DAY, MONDAY, PROFILE_FIRST, Story

TWO_STAGE = load_rules("two-stage@1")


def variant(**changes: Any) -> Rules:
    """b2b-default with sections changed, as version 2."""
    definition, _ = load_definition("b2b-default@1")
    merged = yaml.safe_load(yaml.safe_dump(definition))
    for section, values in changes.items():
        merged[section] = {**merged.get(section, {}), **values}
    return compile_model({**merged, "version": 2})


def at_day(day: float) -> int:
    return MONDAY + round(day * DAY)


def activate(story: Story, rules: Rules, mode: Any, day: float) -> None:
    before = story.rules
    timeline = before if isinstance(before, Timeline) else Timeline.of(before.at(0))
    story.rules = timeline.activated(rules, mode, at_day(day))


def due(story: Story, day: float) -> None:
    decision = decide_due(story.contact, story.rules, at_day(day))
    story.changes += decision.changes


def test_forward_leaves_history_and_decides_what_is_later() -> None:
    story = Story(B2B)
    story.tell("newsletter.signed_up", 0)
    activate(story, PROFILE_FIRST, "forward", 5)
    story.tell("email.replied", 6)
    assert story.moves == ["T1 lead"]
    assert story.changes[0].model == "b2b-default@1"
    story.tell("qualification.recorded", 7, criterion="industry", value="met")
    assert story.moves == ["T1 lead", "T2 prospect"]
    assert story.changes[1].model == "profile-first@1"


def test_late_history_is_folded_by_the_model_of_its_time() -> None:
    story = Story(B2B)
    story.tell("newsletter.signed_up", 0)
    activate(story, PROFILE_FIRST, "forward", 5)
    due(story, 5)
    story.tell("email.replied", 2)
    assert story.moves == ["T1 lead", "T2 prospect"]
    assert story.changes[1].model == "b2b-default@1"


def test_refold_revokes_what_the_new_model_would_not_have_decided() -> None:
    story = Story(B2B)
    story.tell("newsletter.signed_up", 0)
    story.tell("email.replied", 1)
    activate(story, PROFILE_FIRST, "refold", 5)
    due(story, 5)
    assert story.moves == ["T1 lead", "T2 prospect", "revoked T2 prospect"]
    assert story.stage == "lead"


def test_a_contact_is_brought_up_to_date_once() -> None:
    story = Story(B2B)
    story.tell("email.replied", 1)
    activate(story, PROFILE_FIRST, "refold", 5)
    due(story, 5)
    seq = story.contact.seq
    due(story, 6)
    assert story.contact.seq == seq
    assert story.tell("newsletter.signed_up", 7).verdict is Verdict.APPLIED
    assert story.contact.seq == seq


def test_overdue_timers_fire_when_the_model_begins() -> None:
    story = Story(B2B)
    story.tell("newsletter.signed_up", 0)
    activate(story, variant(timers={"lead_dormant": "30 d"}), "forward", 50)
    due(story, 50)
    assert story.moves == ["T1 lead", "T10 recycled"]
    assert story.changes[-1].effective_at == at_day(50)
    assert story.changes[-1].model == "b2b-default@2"


def test_timers_follow_the_model_in_force_at_their_due() -> None:
    story = Story(B2B)
    story.tell("newsletter.signed_up", 0)
    activate(story, variant(timers={"lead_dormant": "300 d"}), "forward", 50)
    due(story, 200)
    assert story.moves == ["T1 lead"]
    due(story, 301)
    assert story.moves == ["T1 lead", "T10 recycled"]


def test_a_stage_the_model_lacks_is_left_by_its_map() -> None:
    story = Story(B2B)
    story.tell("email.replied", 0)
    assert story.stage == "prospect"
    activate(story, TWO_STAGE, "forward", 10)
    due(story, 10)
    assert story.moves == ["T1 lead", "T2 prospect", "T17 lead"]
    assert story.changes[-1].effective_at == at_day(10)
    assert story.stage == "lead"
    assert story.contact.fold.pin_until is None
