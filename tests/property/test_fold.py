"""Rules of the fold for any interactions in any order of arrival."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain import evidence_log
from app.domain.book import decode_book, encode_book
from app.domain.changes import Change, Verdict
from app.domain.interaction import Interaction
from app.domain.rules import Rules
from app.models import load_rules
from tests.property.arrivals import Stored, interactions, standing

MODELS = st.sampled_from([load_rules("b2b-default@1"), load_rules("profile-first@1")])
LIFE = ("none", "lead", "prospect", "opportunity", "customer")


@pytest.fixture(autouse=True)
def _short_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a dozen interactions seal chunks."""
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 3)


def relaxed(test: object) -> object:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    quiet = settings(max_examples=150, deadline=None, suppress_health_check=checks)
    return quiet(test)


def in_order(arrived: list[Interaction]) -> list[Interaction]:
    return sorted(arrived, key=lambda each: (each.time, each.source.encode(), each.id.encode()))


def same_history(one: list[Change], other: list[Change]) -> bool:
    return standing(one) == standing(other)


@relaxed
@given(MODELS, interactions(), st.data())
def test_any_order_of_arrival_gives_the_same_state_and_standing_history(
    rules: Rules, arrived: list[Interaction], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(arrived))
    one, other = told_stored(rules, in_order(arrived)), told_stored(rules, shuffled)
    assert one.contact.fold == other.contact.fold
    assert same_history(one.changes, other.changes)


@relaxed
@given(MODELS, interactions(), st.data())
def test_duplicates_change_nothing(
    rules: Rules, arrived: list[Interaction], data: st.DataObject
) -> None:
    one = told_stored(rules, arrived)
    before, changes = encode_book(one.contact.book), list(one.changes)
    for copy in data.draw(st.lists(st.sampled_from(arrived), max_size=6)):
        assert one.tell(copy).verdict is Verdict.DUPLICATE
        one.store(data.draw(st.booleans()))
    assert encode_book(one.contact.book) == before
    assert one.changes == changes


@relaxed
@given(MODELS, interactions(), st.data())
def test_storing_and_reading_between_any_two_changes_nothing(
    rules: Rules, arrived: list[Interaction], data: st.DataObject
) -> None:
    kept, stored = told_stored(rules, arrived, is_forgotten=False), Stored(rules)
    for each in arrived:
        stored.tell(each)
        if data.draw(st.booleans()):
            stored.store(data.draw(st.booleans()))
    assert stored.changes == kept.changes
    assert stored.contact.fold == kept.contact.fold


@relaxed
@given(MODELS, interactions(), st.data())
def test_a_rollback_and_again_is_as_if_nothing_had_failed(
    rules: Rules, arrived: list[Interaction], data: st.DataObject
) -> None:
    one = told_stored(rules, arrived[:-1])
    once = one.tell(arrived[-1])
    one.contact.rollback()
    assert one.tell(arrived[-1]) == once


@relaxed
@given(MODELS, interactions())
def test_records_are_gapless_and_the_last_one_is_right(
    rules: Rules, arrived: list[Interaction]
) -> None:
    one = told_stored(rules, arrived)
    assert [change.seq for change in one.changes] == list(range(1, len(one.changes) + 1))
    if one.changes:
        last = one.changes[-1].view
        assert (last.stage, last.cycle) == (one.contact.stage, one.contact.fold.cycle)
    ids = [(change.kind, change.transition_id, change.revision) for change in one.changes]
    assert len(set(ids)) == len(ids)


@relaxed
@given(MODELS, interactions())
def test_each_record_tells_the_stage_of_the_last_move_that_then_stands(
    rules: Rules, arrived: list[Interaction]
) -> None:
    held: dict[str, Change] = {}
    for change in told_stored(rules, arrived).changes:
        held.pop(change.transition_id, None)
        if change.kind != "revoked":
            held[change.transition_id] = change
        stages = {each.to_stage for each in held.values()} or {"none"}
        assert change.view.stage in stages


@relaxed
@given(MODELS, interactions())
def test_a_reader_of_opportunities_alone_ends_with_the_truth(
    rules: Rules, arrived: list[Interaction]
) -> None:
    one = told_stored(rules, arrived)
    heard = [change.opportunity for change in one.changes if change.opportunity]
    assert (heard[-1:] == ["became"]) is (one.contact.stage == "opportunity")
    for change in one.changes:
        if change.kind == "changed" and change.to_stage == "opportunity":
            assert change.opportunity == "became"
        if change.opportunity == "closed":
            assert change.outcome is not None


@relaxed
@given(MODELS, interactions())
def test_history_is_a_chain_and_the_first_way_up_skips_no_stage(
    rules: Rules, arrived: list[Interaction]
) -> None:
    """Every prospect was a lead, every opportunity a prospect, every customer an opportunity.

    But for those whom a person put straight to lost: they come back from there.
    """
    natural = [each for each in in_order(arrived) if each.data.get("to_stage") != "lost"]
    entered = {"none"}
    stage = "none"
    for change in told_stored(rules, natural).changes:
        assert change.from_stage == stage
        stage = change.to_stage
        if stage in LIFE and stage not in entered:
            assert LIFE[LIFE.index(stage) - 1] in entered
        entered.add(stage)


@relaxed
@given(MODELS, interactions())
def test_only_intent_or_a_person_or_a_deal_makes_an_opportunity(
    rules: Rules, arrived: list[Interaction]
) -> None:
    for change in told_stored(rules, arrived).changes:
        if change.kind == "changed" and change.transition == "T3" and not change.cause.inferred:
            assert any(each.guard == "intent_active" and each.passed for each in change.guards)


@relaxed
@given(MODELS, interactions())
def test_a_lead_is_never_sales_own(rules: Rules, arrived: list[Interaction]) -> None:
    for change in told_stored(rules, arrived).changes:
        if change.view.stage == "lead":
            assert (change.view.owner_team, change.view.in_pipeline) == ("marketing", False)


@relaxed
@given(MODELS, interactions())
def test_the_encoded_state_is_read_as_it_was_written(
    rules: Rules, arrived: list[Interaction]
) -> None:
    book = told_stored(rules, arrived).contact.book
    assert decode_book(encode_book(book)) == book


def told_stored(rules: Rules, arrived: list[Interaction], is_forgotten: bool = True) -> Stored:
    """Each interaction a batch of its own."""
    one = Stored(rules)
    for each in arrived:
        one.tell(each)
        one.store(is_forgotten)
    return one
