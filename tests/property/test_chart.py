"""The fold's table and the state machine it was compiled from take the same way, always."""

from itertools import chain, combinations, product

import pytest

from app.domain.catalogue import CLASSES, EVERY_STEP, SCORE
from app.domain.chart import Arrow, Table, machine_of, table_of
from app.domain.rules import Rules
from app.domain.state import NONE
from app.models import load_rules, names


class Walker:
    """A model object for the machine: guards answer as told, transitions leave their name."""

    def __init__(self, holds: set[str], guards: set[str], ids: set[str]) -> None:
        self.taken: list[str] = []
        for guard in guards:
            setattr(self, guard, lambda guard=guard: guard in holds)
        for name in ids:
            setattr(self, name, lambda name=name: self.taken.append(name))


def chart(rules: Rules) -> list[Arrow]:
    return [
        Arrow(each.id, trigger, each.from_stage, each.to_stage, each.guards)
        for each in rules.transitions
        for trigger in each.on
    ]


def by_table(table: Table, stage: str, trigger: str, holds: set[str]) -> tuple[str, list[str]]:
    for way in table.get((stage, trigger), ()):
        if all(guard in holds for guard in way.guards):
            return way.to_stage, [way.id]
    return stage, []


@pytest.mark.parametrize("name", names())
def test_table_and_machine_agree_for_every_stage_trigger_and_guard_outcome(name: str) -> None:
    rules = load_rules(name)
    machine = machine_of((NONE, *rules.stages), chart(rules))
    table = table_of(machine)
    ids = {each.id for each in rules.transitions}
    triggers = {trigger for each in rules.transitions for trigger in each.on}
    for stage, trigger in product((NONE, *rules.stages), triggers):
        guards = {guard for way in table.get((stage, trigger), ()) for guard in way.guards}
        subsets = chain.from_iterable(
            combinations(sorted(guards), n) for n in range(len(guards) + 1)
        )
        for holds in map(set, subsets):
            walker = Walker(holds, guards, ids)
            machine.add_model(walker, initial=stage)
            if trigger in machine.get_triggers(stage):
                walker.trigger(trigger)  # type: ignore[attr-defined]
            reached = (walker.state, walker.taken)  # type: ignore[attr-defined]
            machine.remove_model(walker)
            assert reached == by_table(table, stage, trigger, holds), (stage, trigger, holds)


@pytest.mark.parametrize("name", names())
def test_what_the_fold_tries_is_the_table_by_priority(name: str) -> None:
    rules = load_rules(name)
    table = table_of(machine_of((NONE, *rules.stages), chart(rules)))
    for kind in rules.types.values():
        for outcome in kind.outcomes:
            assert set(outcome.triggers) <= {*CLASSES, SCORE, kind.name, EVERY_STEP}
            for stage in (NONE, *rules.stages):
                pulled = {
                    (way.id, way.to_stage)
                    for trigger in outcome.triggers
                    for way in table.get((stage, trigger), ())
                }
                tried = outcome.moves.get(stage, ())
                assert {(each.id, each.to_stage) for each in tried} == pulled
                priorities = [each.priority for each in tried]
                assert priorities == sorted(priorities, reverse=True)
