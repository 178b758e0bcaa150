"""The records of any late story, read one by one: what each of them promises its readers."""

from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.bitemporal import standing
from app.domain.changes import Change
from app.domain.decide import decide_due
from app.domain.rules import Rules
from app.models import load_rules
from tests.property.late_stories import Arrival, Known, stories
from tests.unit.domain.story import Story

MODELS = st.sampled_from([load_rules("b2b-default@1"), load_rules("profile-first@1")])
Records = list[Known]


def relaxed(test: object) -> object:
    return settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])(
        test
    )


def decided(arrivals: list[Arrival], rules: Rules) -> tuple[Story, list[list[Change]]]:
    """The records of each decision, of those that had any."""
    one, decisions = Story(rules), []
    for at, told in arrivals:
        decisions += [one.hear(told).changes, decide_due(one.contact, rules, at).changes]
    return one, [changes for changes in decisions if changes]


def rows(decisions: list[list[Change]]) -> Records:
    return [Known(change, n) for n, changes in enumerate(decisions) for change in changes]


@relaxed
@given(MODELS, stories())
def test_the_last_record_of_a_decision_tells_the_stage_that_holds(
    rules: Rules, arrivals: list[Arrival]
) -> None:
    _, decisions = decided(arrivals, rules)
    known = rows(decisions)
    for n, changes in enumerate(decisions):
        held = standing(known, known_at=n)
        assert changes[-1].view.stage == (held[-1].change.to_stage if held else "none")


@relaxed
@given(MODELS, stories())
def test_each_record_tells_the_stage_after_it_whoever_stops_reading_there(
    rules: Rules, arrivals: list[Arrival]
) -> None:
    """Of the moves that stand then the last: as it was while some are taken back, as it is then."""
    _, decisions = decided(arrivals, rules)
    known = rows(decisions)
    for n, changes in enumerate(decisions):
        before, after = standing(known, known_at=n - 1), standing(known, known_at=n)
        stand = {each.change.transition_id for each in before}
        for change in changes:
            is_revoked = change.kind == "revoked"
            (stand.discard if is_revoked else stand.add)(change.transition_id)
            order = before if is_revoked else after
            held = [each.change for each in order if each.change.transition_id in stand]
            assert change.view.stage == (held[-1].to_stage if held else "none")


@relaxed
@given(MODELS, stories())
def test_revocations_come_first_and_the_newest_of_them_before_the_older(
    rules: Rules, arrivals: list[Arrival]
) -> None:
    _, decisions = decided(arrivals, rules)
    known = rows(decisions)
    for n, changes in enumerate(decisions):
        before = [each.change.transition_id for each in standing(known, known_at=n - 1)]
        gone = [each.transition_id for each in changes if each.kind == "revoked"]
        kinds = [each.kind == "revoked" for each in changes]
        assert kinds == sorted(kinds, reverse=True)
        dates = [each.effective_at for each in changes if each.kind == "revoked"]
        assert dates == sorted(dates, reverse=True)
        assert set(gone) <= set(before)


@relaxed
@given(MODELS, stories())
def test_what_is_new_or_corrected_comes_oldest_first_and_as_it_stands(
    rules: Rules, arrivals: list[Arrival]
) -> None:
    """But for a last record that tells readers of opportunities where they are."""
    _, decisions = decided(arrivals, rules)
    known = rows(decisions)
    for n, changes in enumerate(decisions):
        after = [each.change.transition_id for each in standing(known, known_at=n)]
        told = [each for each in changes if each.kind != "revoked"]
        repeated = len(told) - len({each.transition_id for each in told})
        assert repeated in (0, 1)
        dates = [each.effective_at for each in told[: len(told) - repeated]]
        assert dates == sorted(dates)
        assert {each.transition_id for each in told} <= set(after)


@relaxed
@given(MODELS, stories())
def test_a_correction_changes_date_cause_or_evidence_and_no_more(
    rules: Rules, arrivals: list[Arrival]
) -> None:
    _, decisions = decided(arrivals, rules)
    last: dict[str, Change] = {}
    for changes in decisions:
        for change in changes:
            if change.kind == "corrected":
                was = last[change.transition_id]
                assert change.late
                assert move_of(change) == move_of(was)
                is_signal = change.opportunity is not None
                assert is_signal or grounds_of(change) != grounds_of(was)
            last[change.transition_id] = change


@relaxed
@given(MODELS, stories())
def test_seq_has_no_gap_and_a_revision_counts_what_was_taken_back_or_corrected(
    rules: Rules, arrivals: list[Arrival]
) -> None:
    one, decisions = decided(arrivals, rules)
    told = [change for changes in decisions for change in changes]
    assert [each.seq for each in told] == list(range(1, one.contact.seq + 1))
    revised: dict[str, int] = {}
    for each in told:
        assert each.revision == revised.get(each.transition_id, 0)
        if each.kind != "changed":
            revised[each.transition_id] = each.revision + 1


@relaxed
@given(MODELS, stories())
def test_the_moves_that_stand_are_a_walk_from_nowhere(
    rules: Rules, arrivals: list[Arrival]
) -> None:
    one, decisions = decided(arrivals, rules)
    walk = [each.change for each in standing(rows(decisions))]
    for earlier, later in pairwise(walk):
        assert earlier.to_stage == later.from_stage
        assert earlier.effective_at <= later.effective_at
    assert [each.from_stage for each in walk[:1]] in ([], ["none"])
    assert (walk[-1].to_stage if walk else "none") == one.stage


def move_of(change: Change) -> tuple[str, str, int]:
    return change.from_stage, change.to_stage, change.cycle


def grounds_of(change: Change) -> tuple[object, ...]:
    return change.effective_at, change.cause, change.evidence, change.transition
