"""However a model is wrong, it is refused with its line or it works: nothing else escapes."""

import copy
import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.lint import lint
from app.domain.reading import Node
from app.errors import ModelError
from app.models import load_definition, locating, rules_of

DEFINITION, LINES = load_definition("b2b-default@1")
PLACE = re.compile(r"b2b-default@1\.yaml:\d+: .+; .+", re.DOTALL)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        found = [below for key in value for below in _paths(value[key], (*path, key))]
    elif isinstance(value, list):
        found = [below for at, each in enumerate(value) for below in _paths(each, (*path, at))]
    else:
        found = []
    return [path, *found] if path else found


PATHS = _paths(DEFINITION)
words = st.sampled_from(
    ["", "lead", "none", "intent", "timer:opp_stale", "30 d", "1 bd", "asks", "asks:lead", "a|b",
     "human|", "UTC", "99999999999 d", "timer:", "step", "met", "customer"]
)  # fmt: skip
numbers = st.integers() | st.sampled_from([math.inf, math.nan, -1.5, 10**400])
junk = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5) | words,
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(words | st.integers(), below, max_size=3)
    ),
    max_leaves=4,
)  # fmt: skip


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(PATHS), junk)
def test_a_wrong_value_anywhere_is_refused_with_its_line_or_works(
    path: tuple[Any, ...], value: Any
) -> None:
    definition = copy.deepcopy(DEFINITION)
    *above, last = path
    target: Any = definition
    for step in above:
        target = target[step]
    target[last] = value
    for told in _told(definition):
        assert PLACE.fullmatch(told), told


def _told(definition: dict[str, Any]) -> list[str]:
    """What the compiler refuses it with, else what the linter finds."""
    try:
        rules = rules_of(definition, LINES, "b2b-default@1.yaml")
    except ModelError as refused:
        return [str(refused)]
    return [finding.text for finding in lint(definition, rules, locating(LINES))]


@pytest.mark.parametrize("value", [math.inf, math.nan, 10**400, -(10**10)])
def test_a_number_has_a_size_that_can_be_counted_with(value: float) -> None:
    with pytest.raises(ModelError, match="is no number; write a number"):
        Node(value).number()


def test_a_duration_ends_while_somebody_remembers() -> None:
    with pytest.raises(ModelError, match="'99999999999 d' is too long; write 36500 d or less"):
        Node("99999999999 d").duration()
