"""A run beside what it should have been, and the form of a complaint."""

from typing import NamedTuple

from tests.failure.envelope import ContactKey, Inputs
from tests.failure.observed import Observed
from tests.failure.oracle import Folded
from tests.failure.outputs import Output


class Violation(NamedTuple):
    kind: str
    what: str


class Run(NamedTuple):
    """Observed, and what it should have been."""

    observed: Observed
    inputs: Inputs
    expected: dict[ContactKey, Folded]
    told: dict[ContactKey, list[Output]]
    """Records of the stage-changes topic, in its order."""
