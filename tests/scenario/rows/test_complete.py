"""Every row of the tables has its scenario."""

from types import ModuleType

from app.models import load_rules, names
from tests.scenario.rows import (
    test_guards,
    test_interactions,
    test_presets,
    test_timers,
    test_transitions,
)
from tests.scenario.rows.catalogue import INTERACTIONS, PRESETS, ROWS, TIMERS, TRANSITIONS

MODULES = (test_interactions, test_guards, test_transitions, test_timers, test_presets)
WITHOUT_TRANSITION = {"T4", "T18"}
"""A gate that moves nothing, and the erasure that no model has."""
BETWEEN_LANES = {"identity.evidence", "identity.withdrawn"}


def rows_of(module: ModuleType) -> list[str]:
    return [
        mark.args[1][0]
        for name, test in vars(module).items()
        if name.startswith("test_")
        for mark in getattr(test, "pytestmark", ())
        if mark.args[0] == "row"
    ]


def test_no_row_is_without_its_scenario() -> None:
    assert sorted({row for module in MODULES for row in rows_of(module)}) == sorted(ROWS)


def test_the_rows_are_those_of_the_default_model() -> None:
    rules = load_rules("b2b-default@1")
    types = {each for row in INTERACTIONS for each in row.split(", ")}
    assert types == rules.types.keys() - BETWEEN_LANES
    found = {each for row in TRANSITIONS for each in row.split(", ")}
    assert found - WITHOUT_TRANSITION == {each.id for each in rules.transitions}
    timers = {each for row in TIMERS for each in row.split(", ")}
    terms = rules.terms
    assert timers >= terms.business.keys()
    variants = {"opp_stale_warning", "lost_cooldown_competitor"}
    assert terms.terms.keys() - variants <= timers


def test_every_shipped_model_is_a_preset_with_a_row() -> None:
    assert [name.partition("@")[0] for name in names()] == sorted(PRESETS)
