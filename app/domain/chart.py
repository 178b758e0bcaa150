"""The state chart: a `transitions.Machine`, and the table compiled from its own events.

The machine validates, draws and is the reference; the fold runs the table. A trigger through the
library costs about 15 µs, a look-up in the table 0.1 µs; a property test proves that both agree.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from transitions import Machine

from app.domain.state import NONE


class Arrow(NamedTuple):
    """One transition between two stages, as drawn."""

    id: str
    trigger: str
    from_stage: str
    to_stage: str
    guards: tuple[str, ...]


class Way(NamedTuple):
    """What a trigger may do in a stage: taken if every guard holds."""

    id: str
    to_stage: str
    guards: tuple[str, ...]


Table = Mapping[tuple[str, str], tuple[Way, ...]]
"""(stage, trigger): the ways out, in the order in which to try."""


def machine_of(stages: Iterable[str], arrows: Iterable[Arrow]) -> Any:
    """A machine without a model. `arrows` come in the order in which to try them.

    The transition's id is its `after` callback, so a model can record which one was taken.
    """
    machine = Machine(model=None, states=list(stages), initial=NONE, auto_transitions=False)
    for arrow in arrows:
        machine.add_transition(
            arrow.trigger,
            arrow.from_stage,
            arrow.to_stage,
            conditions=list(arrow.guards),
            after=[arrow.id],
        )
    return machine


def table_of(machine: Any) -> Table:
    """The machine's events as plain tuples."""
    return {
        (stage, trigger): tuple(
            Way(way.after[0], way.dest, tuple(condition.func for condition in way.conditions))
            for way in ways
        )
        for trigger, event in machine.events.items()
        for stage, ways in event.transitions.items()
    }
