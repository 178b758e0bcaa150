"""When an activated model is in force in a partition, and what changes nothing."""

from typing import Any

import pytest
from msgspec.structs import replace

from app.domain.timeline import Timeline
from app.handling.known_types import KnownTypes
from app.handling.records import Activation
from app.handling.rulings import Rulings
from app.storage.models import ActivationRow, SweepRow
from tests.unit.domain.story import B2B, PROFILE_FIRST
from tests.unit.domain.test_timeline import TWO_STAGE, variant

NOW = 1_000_000
LATER = NOW + 60


def asked(command_id: str = "a-1", **different: Any) -> Activation:
    usual = Activation("acme", command_id, PROFILE_FIRST.ref, "h-1", "refold", LATER, "ops")
    return replace(usual, **different)


def rulings(*stored: tuple[ActivationRow, Any], as_of: int = NOW) -> Rulings:
    return Rulings(3, B2B, KnownTypes(), stored, as_of)


def activated(made: Rulings, of: Activation, rules: Any = PROFILE_FIRST) -> ActivationRow:
    row = made.activate(of, rules, NOW, NOW + 5)
    assert row is not None
    return row


def test_it_is_in_force_once_the_horizon_has_reached_it() -> None:
    made = rulings()
    activated(made, asked())
    made.advance(LATER - 1)
    assert made.in_force == {}
    made.advance(LATER)
    assert made.in_force == {"acme": Timeline.of(B2B).activated(PROFILE_FIRST, "refold", LATER)}


def test_what_was_stored_is_in_force_again_after_a_takeover() -> None:
    before = rulings()
    row = activated(before, asked())
    before.advance(LATER)
    assert rulings((row, PROFILE_FIRST), as_of=LATER).in_force == before.in_force
    assert rulings((row, PROFILE_FIRST), as_of=LATER - 1).in_force == {}


@pytest.mark.parametrize(
    "again",
    [asked(mode="forward"), asked("a-2"), asked("a-2", active_from=LATER + 9, actor="else")],
    ids=["the same command", "the same model and mode", "whoever asks"],
)
def test_what_was_asked_before_changes_nothing(again: Activation) -> None:
    made = rulings()
    activated(made, asked())
    assert made.activate(again, PROFILE_FIRST, NOW, NOW + 6) is None
    made.advance(LATER + 9)
    assert made.in_force["acme"].generation == 1


def test_it_begins_after_all_that_is_decided() -> None:
    """So that forward never changes what was told."""
    row = activated(rulings(), asked(active_from=NOW - 70, mode="forward"))
    assert row.active_from == NOW + 1


def test_a_later_activation_never_begins_before_an_earlier_one() -> None:
    made = rulings()
    activated(made, asked())
    second = activated(made, asked("a-2", content_hash="h-2", active_from=LATER - 9), TWO_STAGE)
    assert (second.generation, second.active_from) == (2, LATER)
    made.advance(LATER)
    assert made.in_force["acme"].at(LATER) is TWO_STAGE


def test_tenants_have_timelines_of_their_own() -> None:
    made = rulings()
    activated(made, asked())
    activated(made, asked("a-2", tenant="other", active_from=LATER + 5), TWO_STAGE)
    made.advance(LATER)
    assert made.in_force.keys() == {"acme"}
    made.advance(LATER + 5)
    assert made.in_force["other"].at(LATER + 5) is TWO_STAGE
    assert made.in_force["acme"].at(LATER + 5) is PROFILE_FIRST


def test_only_the_last_activation_that_has_begun_is_swept() -> None:
    made = rulings()
    first = activated(made, asked())
    second = activated(made, asked("a-2", content_hash="h-2", active_from=LATER + 9), TWO_STAGE)
    assert list(made.unswept(LATER - 1)) == []
    assert list(made.unswept(LATER)) == [first]
    made.swept(SweepRow(3, "acme", 1, "c-5", 5, None))
    assert [row.cursor for row in made.unswept(LATER)] == ["c-5"]
    assert list(made.unswept(LATER + 9)) == [second]
    made.swept(SweepRow(3, "acme", 2, "", 9, LATER + 10))
    assert list(made.unswept(LATER + 99)) == []


def test_types_of_a_model_that_begins_soon_are_known() -> None:
    known = KnownTypes()
    made = Rulings(3, B2B, known)
    activated(made, asked(), variant(interactions={"course.booked": {"class": "one_way"}}))
    assert "course.booked" in known.by_tenant["acme"].types
    assert known.by_tenant.keys() == {"acme"}


def test_the_model_in_force_describes_a_type_and_older_ones_what_it_lacks() -> None:
    known = KnownTypes()
    made = Rulings(3, B2B, known)
    stricter = variant(interactions={"website.visited": {"class": "one_way", "requires": ["url"]}})
    before = B2B.types["website.visited"].requires
    activated(made, asked(mode="forward"), stricter)
    assert known.by_tenant["acme"].types["website.visited"].requires == before
    made.advance(LATER)
    assert known.by_tenant["acme"].types["website.visited"].requires == ("url",)
