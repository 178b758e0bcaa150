"""Rules of the fold for any interactions in any order of arrival, whenever timers are looked at."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain import evidence_log
from app.domain.book import decode_book, encode_book
from app.domain.changes import Change, Verdict
from app.domain.interaction import Interaction
from app.domain.timers import first_due
from app.models import load_rules, names
from tests.property.arrivals import (
    END,
    MOMENTS,
    RETRACTION,
    Stored,
    arrivals,
    in_order,
    retraction,
    settled,
    standing,
)

MODELS = st.sampled_from(names())
"""By name: rules are too long to be shown."""


@pytest.fixture(autouse=True)
def _short_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a dozen interactions seal chunks."""
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 3)


def relaxed(max_examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=max_examples, deadline=None, suppress_health_check=checks)


def same_history(one: list[Change], other: list[Change]) -> bool:
    return standing(one) == standing(other)


@relaxed(200)
@given(MODELS, arrivals(), st.data())
def test_any_order_copies_batches_and_looks_at_timers_give_the_same_state_and_history(
    model: str, arrived: list[Interaction], data: st.DataObject
) -> None:
    copies = data.draw(st.lists(st.sampled_from(arrived), max_size=3))
    one = told(model, in_order(arrived))
    other = Stored(load_rules(model))
    for each in data.draw(st.permutations(arrived + copies)):
        other.tell(each)
        moment, is_stored, is_forgotten = data.draw(LOOKS)
        if moment is not None:
            other.wait(moment)
        if is_stored:
            other.store(is_forgotten)
    other.wait(END)
    assert settled(one.contact.fold) == settled(other.contact.fold)
    assert same_history(one.changes, other.changes)


LOOKS = st.tuples(st.none() | MOMENTS | st.just(END), st.booleans(), st.booleans())
"""After an interaction: a look at the timers, and whether the batch ends."""


@relaxed(200)
@given(MODELS, arrivals())
def test_no_timer_is_due_before_the_moment_until_which_none_is_looked_for(
    model: str, arrived: list[Interaction]
) -> None:
    one = Stored(load_rules(model))
    for each in in_order(arrived):
        one.tell(each)
        timer = first_due(one.contact.fold, one.rules)
        assert timer is None or one.contact.fold.next_due <= timer.due


@relaxed(50)
@given(MODELS, arrivals(), st.data())
def test_duplicates_change_nothing(
    model: str, arrived: list[Interaction], data: st.DataObject
) -> None:
    one = told_stored(model, arrived)
    before, changes, signals = encode_book(one.contact.book), list(one.changes), list(one.signals)
    for copy in data.draw(st.lists(st.sampled_from(arrived), max_size=6)):
        assert one.tell(copy).verdict is Verdict.DUPLICATE
        one.store(data.draw(st.booleans()))
    assert encode_book(one.contact.book) == before
    assert (one.changes, one.signals) == (changes, signals)


@relaxed(50)
@given(MODELS, arrivals(), st.data())
def test_storing_and_reading_between_any_two_changes_nothing(
    model: str, arrived: list[Interaction], data: st.DataObject
) -> None:
    kept, stored = told_stored(model, arrived, is_forgotten=False), Stored(load_rules(model))
    for each in arrived:
        stored.tell(each)
        if data.draw(st.booleans()):
            stored.store(data.draw(st.booleans()))
    assert stored.changes == kept.changes
    assert stored.contact.fold == kept.contact.fold


@relaxed(50)
@given(MODELS, arrivals())
def test_a_rollback_and_again_is_as_if_nothing_had_failed(
    model: str, arrived: list[Interaction]
) -> None:
    one = told_stored(model, arrived[:-1])
    once = one.tell(arrived[-1])
    one.contact.rollback()
    assert one.tell(arrived[-1]) == once


@relaxed(50)
@given(MODELS, arrivals(), MOMENTS, st.data())
def test_what_is_retracted_has_never_been_and_may_be_told_again(
    model: str, arrived: list[Interaction], moment: int, data: st.DataObject
) -> None:
    """The retraction itself is in both logs: it is a step, if no activity."""
    targets = [each for each in arrived if each.type != RETRACTION]
    target = data.draw(st.sampled_from(targets))
    gone = retraction(target, "gone", moment)
    without = [each for each in arrived if each is not target]
    one = told(model, data.draw(st.permutations([*arrived, gone])))
    other = told(model, in_order([*without, gone]))
    assert same_history(one.changes, other.changes)
    # The target is still in the log: only where that ends may differ.
    assert settled(one.contact.fold, head_time=0) == settled(other.contact.fold, head_time=0)
    again = replace(target, id="again")
    one.tell(again)
    one.wait(END)
    whole = told(model, in_order([*without, gone, again]))
    assert same_history(one.changes, whole.changes)


@relaxed(50)
@given(MODELS, arrivals())
def test_records_are_gapless_and_the_last_one_is_right(
    model: str, arrived: list[Interaction]
) -> None:
    one = told_stored(model, arrived)
    assert [change.seq for change in one.changes] == list(range(1, len(one.changes) + 1))
    if one.changes:
        last = one.changes[-1].view
        assert (last.stage, last.cycle) == (one.contact.stage, one.contact.fold.cycle)
    ids = [(change.kind, change.transition_id, change.revision) for change in one.changes]
    assert len(set(ids)) == len(ids)
    said = [(signal.kind, signal.key) for signal in one.signals]
    assert len(set(said)) == len(said)


@relaxed(50)
@given(MODELS, arrivals())
def test_each_record_tells_the_stage_of_the_last_move_that_then_stands(
    model: str, arrived: list[Interaction]
) -> None:
    held: dict[str, Change] = {}
    for change in told_stored(model, arrived).changes:
        held.pop(change.transition_id, None)
        if change.kind != "revoked":
            held[change.transition_id] = change
        stages = {each.to_stage for each in held.values()} or {"none"}
        assert change.view.stage in stages


@relaxed(50)
@given(MODELS, arrivals())
def test_a_reader_of_opportunities_alone_ends_with_the_truth(
    model: str, arrived: list[Interaction]
) -> None:
    one = told_stored(model, arrived)
    heard = [change.opportunity for change in one.changes if change.opportunity]
    assert (heard[-1:] == ["became"]) is (one.contact.stage == "opportunity")
    for change in one.changes:
        if change.kind == "changed" and change.to_stage == "opportunity":
            assert change.opportunity == "became"
        if change.opportunity == "closed":
            assert change.outcome is not None


@relaxed(50)
@given(MODELS, arrivals())
def test_the_encoded_state_is_read_as_it_was_written(
    model: str, arrived: list[Interaction]
) -> None:
    book = told_stored(model, arrived).contact.book
    assert decode_book(encode_book(book)) == book


def told(model: str, arrived: list[Interaction]) -> Stored:
    """All at once, and the timers until the end."""
    one = Stored(load_rules(model))
    for each in arrived:
        one.tell(each)
    one.wait(END)
    return one


def told_stored(model: str, arrived: list[Interaction], is_forgotten: bool = True) -> Stored:
    """Each interaction a batch of its own."""
    one = Stored(load_rules(model))
    for each in arrived:
        one.tell(each)
        one.store(is_forgotten)
    return one
