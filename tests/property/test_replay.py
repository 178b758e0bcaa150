"""Replay equals live: what arrived, told again without the clock, comes to what is stored."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain import evidence_log
from app.domain.changes import Change
from app.domain.interaction import Address
from app.domain.rebuilding import Rebuilt
from app.domain.replay_difference import Live, Standing, differences
from app.domain.rules import Rules
from app.models import load_rules
from tests.property.lives import Life, Row, lives

MODELS = st.sampled_from(("b2b-default@1", "profile-first@1"))
HANDMADE = st.sampled_from([("owner", "rep-9"), ("cycle", 7), ("known", 512)])


@pytest.fixture(autouse=True)
def _short_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a dozen interactions seal chunks."""
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 3)


def relaxed(test: object) -> object:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    quiet = settings(
        max_examples=200,
        deadline=None,
        phases=[__import__("hypothesis").Phase.generate],
        suppress_health_check=checks,
    )
    return quiet(test)


@relaxed
@given(MODELS, lives(), st.integers(1, 5))
def test_replay_equals_live(model: str, life: Life, batch: int) -> None:
    rules = load_rules(model)
    row = Row(rules).live(life)
    assert differences(live(row), rebuilt(rules, life, batch), rules) == []


@relaxed
@given(MODELS, lives(), HANDMADE)
def test_what_was_changed_by_hand_is_the_difference(
    model: str, life: Life, change: tuple[str, object]
) -> None:
    rules = load_rules(model)
    found = live(Row(rules).live(life))
    setattr(found.evidence.book.state, *change)
    told = differences(found, rebuilt(rules, life, 1), rules)
    assert [(each.what, each.live) for each in told] == [(f"state.{change[0]}", str(change[1]))]


@relaxed
@given(MODELS, lives())
def test_a_move_that_history_lacks_is_the_difference(model: str, life: Life) -> None:
    rules = load_rules(model)
    found = live(Row(rules).live(life))
    for tid in found.history:
        less = found._replace(
            history={each: found.history[each] for each in found.history if each != tid}
        )
        (only,) = differences(less, rebuilt(rules, life, 1), rules)
        assert only.what.startswith("history ")
        assert only.live == "none"


def rebuilt(rules: Rules, life: Life, batch: int) -> Rebuilt:
    """In other batches than live, and nobody looks at the clock."""
    made = Rebuilt("default", "crm-1")
    for n, each in enumerate(life[0], 1):
        made.tell(each, Address(n, 0), rules, each.time)
        if n % batch == 0:
            made.store()
    made.store()
    return made


def live(row: Row) -> Live:
    check_at = row.check_at
    return Live(row.evidence(), 1, row.stage, 0, check_at, standing(row.changes), row.listing)


def standing(changes: list[Change]) -> dict[str, Standing]:
    """As a reader of all records has it."""
    held: dict[str, Standing] = {}
    for each in changes:
        if each.kind == "revoked":
            del held[each.transition_id]
        else:
            held[each.transition_id] = Standing(
                each.transition, each.from_stage, each.to_stage, each.cycle, each.effective_at,
                each.cause.event_id, each.cause.source, each.cause.type, each.model,
            )  # fmt: skip
    return held
