"""Simulating the model in force gives exactly what is live, whatever arrived in whatever order."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain import evidence_log
from app.domain.fold import Made
from app.domain.log import unpack
from app.domain.shadow import fold, stages_only, steps_of
from app.domain.what_if import WhatIf
from app.domain.what_if_tally import Tally
from app.models import load_rules
from tests.property.lives import MOMENTS, Life, Row, lives

NAMES = ("b2b-default@1", "profile-first@1")
MODELS = st.sampled_from(NAMES)


@pytest.fixture(autouse=True)
def _short_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a dozen interactions seal chunks."""
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 3)


def relaxed(test: object) -> object:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    quiet = settings(max_examples=150, deadline=None, suppress_health_check=checks)
    return quiet(test)


@relaxed
@given(MODELS, lives(), MOMENTS)
def test_simulating_the_model_in_force_moves_nobody(model: str, life: Life, until: int) -> None:
    rules = load_rules(model)
    what_if = WhatIf(rules, rules, until)
    what_if.weigh(Row(rules).live(life).evidence())
    tally = what_if.tally
    assert all(now == then for now, then in tally.pairs)
    assert tally.same_stage_other_history == 0
    assert tally.current.moves == tally.candidate.moves
    assert tally.current.handoffs == tally.candidate.handoffs
    assert tally.current.customers == tally.candidate.customers


@relaxed
@given(MODELS, lives(), MOMENTS)
def test_the_shadow_makes_the_moves_of_the_whole_rules(model: str, life: Life, until: int) -> None:
    rules = load_rules(model)
    evidence = Row(rules).live(life).evidence()
    found = [unpack(step, evidence.book.names) for step in steps_of(evidence)]
    entries = [entry for entry in found if not entry.is_timer]
    whole, bare = fold(entries, rules, until), fold(entries, stages_only(rules), until)
    assert [_bare(move) for move in whole.made] == [_bare(move) for move in bare.made]
    assert (whole.state.stage, whole.state.reason) == (bare.state.stage, bare.state.reason)


@relaxed
@given(st.lists(lives(), min_size=2, max_size=4), MOMENTS)
def test_the_parts_of_the_contacts_add_up(some: list[Life], until: int) -> None:
    now, then = (load_rules(name) for name in NAMES)
    whole, even, odd = (WhatIf(now, then, until) for _ in range(3))
    for n, life in enumerate(some):
        for what_if in (whole, odd if n % 2 else even):
            what_if.weigh(Row(now).live(life).evidence()._replace(contact_id=f"c{n}"))
    even.tally.add(odd.tally)
    total = Tally()
    total.add(whole.tally)
    for name in ("pairs", "lacking", "contacts", "interactions", "samples", "movers"):
        assert getattr(even.tally, name) == getattr(total, name)
    assert even.tally.candidate.moves == total.candidate.moves


def _bare(move: Made) -> Made:
    """Without what the shadow does not tell."""
    return replace(move, guards=(), evidence=())
