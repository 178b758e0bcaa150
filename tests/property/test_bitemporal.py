"""For every pair of moments: the history answers as a fold of what had arrived by then would."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain import evidence_log
from app.domain.as_of import go_back
from app.domain.bitemporal import stage_at
from app.domain.decide import decide_due
from app.domain.rules import Rules
from app.models import load_rules
from tests.property.late_stories import Arrival, Known, stories
from tests.property.refolding import entries_known, stage_of, state_of
from tests.unit.domain.story import MONDAY, Story

MODELS = st.sampled_from([load_rules("b2b-default@1"), load_rules("profile-first@1")])


def lived(arrivals: list[Arrival], rules: Rules) -> tuple[Story, list[Known]]:
    """Each is decided on when it arrives, and the clock fires what is due by then."""
    one, rows = Story(rules), []
    for at, told in arrivals:
        changes = [*one.hear(told).changes, *decide_due(one.contact, rules, at).changes]
        rows += [Known(change, at) for change in changes]
    return one, rows


def relaxed(test: object) -> object:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=150, deadline=None, suppress_health_check=checks)(test)


@pytest.fixture(autouse=True)
def _long_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sealed: that is asked elsewhere."""
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 1_000)


@relaxed
@given(MODELS, stories())
def test_every_pair_of_moments_is_answered_as_by_folding_what_had_arrived(
    rules: Rules, arrivals: list[Arrival]
) -> None:
    _, rows = lived(arrivals, rules)
    moments = {at for at, _ in arrivals} | {told.time for _, told in arrivals}
    moments |= {row.change.effective_at for row in rows}
    for known_at, _ in arrivals:
        entries = entries_known([told for at, told in arrivals if at <= known_at], rules)
        for moment in {*moments, *(each - 1 for each in moments)}:
            if moment <= known_at:
                assert stage_at(rows, moment, known_at) == stage_of(entries, moment, rules)


@relaxed
@given(MODELS, stories(), st.floats(0, 1))
def test_a_contact_gone_back_is_as_if_nothing_later_had_happened(
    rules: Rules, arrivals: list[Arrival], share: float
) -> None:
    one, _ = lived(arrivals, rules)
    at = MONDAY + round((arrivals[-1].at - MONDAY) * share)
    go_back(one.contact, at, rules)
    entries = entries_known([told for _, told in arrivals], rules)
    assert one.contact.fold == state_of(entries, at, rules)
    timeline = {entry.id for entry in one.contact.timeline() if not entry.is_timer}
    assert timeline == {entry.id for entry in entries if entry.time <= at}
