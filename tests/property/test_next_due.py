"""A timer is never missed: what a contact keeps as its next due is no later than the real one.

Else a worker that looks at the clock and one that only folds would come to different heads.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.entry import entry_of
from app.domain.firing import fire_until
from app.domain.fold import step
from app.domain.interaction import Address
from app.domain.rules import Rules
from app.domain.state import State
from app.domain.timers import first_due
from app.models import load_rules
from tests.property.lives import Life, lives

MODELS = st.sampled_from(("b2b-default@1", "profile-first@1"))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MODELS, lives())
def test_the_next_due_is_never_too_late(model: str, life: Life) -> None:
    rules = load_rules(model)
    state = State()
    for each in sorted(life[0], key=lambda one: (one.time, one.source, one.id)):
        entry = entry_of(each, Address(1, 1), rules.types[each.type], rules)
        for fired in fire_until(state, entry.time, rules):
            assert_sound(state, rules, fired.timer.name)
        step(state, entry, rules)
        assert_sound(state, rules, entry.type)
    for fired in fire_until(state, state.head_time + 10**14, rules):
        assert_sound(state, rules, fired.timer.name)


def assert_sound(state: State, rules: Rules, after: str) -> None:
    due = first_due(state, rules)
    assert due is None or state.next_due <= due.due, f"{due.name} after {after}"
