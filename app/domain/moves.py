"""The model's section `transitions`: into the chart, and from its table to what the fold runs."""

from collections.abc import Mapping
from typing import Final

from app.domain.catalogue import CLASSES, EVERY_STEP
from app.domain.chart import Arrow, Table, machine_of, table_of
from app.domain.guards import ASKS, GUARDS, guard_named
from app.domain.reading import Node
from app.domain.rules import Hop, InteractionType, Stage, Tell, Terms, Transition
from app.domain.state import NONE

_KEYS: Final = (
    "from", "to", "on", "guards", "priority", "outcome", "by_way", "definition",
)  # fmt: skip
OUTCOMES: Final = ("won", "lost", "recycled", "disqualified", "overridden", "erased")
PRIORITIES: Final = {"command": 90, "mismatch": 80, "deal": 70, "forward": 50, "detour": 10}

Ladder = Mapping[str, tuple[str, str]]
"""The way up: stage -> (next stage, the transition that leads there)."""


def transitions_of(
    model: Node,
    stages: Mapping[str, Stage],
    types: Mapping[str, InteractionType],
    terms: Terms,
) -> tuple[tuple[Transition, ...], Table]:
    """Every transition in the order in which to try, and the chart's table of them."""
    ladder = _ladder(model.child("way"), stages)
    found: list[Transition] = []
    for name, node in model.child("transitions").items():
        found += _expand(name, node, stages, types, terms, ladder)
    found.sort(key=lambda transition: -transition.priority)
    arrows = [
        Arrow(each.id, trigger, each.from_stage, each.to_stage, each.guards)
        for each in found
        for trigger in each.on
    ]
    return tuple(found), table_of(machine_of((NONE, *stages), arrows))


def _ladder(node: Node, stages: Mapping[str, Stage]) -> Ladder:
    ladder = {}
    for stage, rung in node.items():
        rung.mapping(("to", "as"))
        ladder[stage] = (rung.child("to").one_of(stages, "stage"), rung.child("as").text())
    return ladder


def _expand(
    name: str,
    node: Node,
    stages: Mapping[str, Stage],
    types: Mapping[str, InteractionType],
    terms: Terms,
    ladder: Ladder,
) -> list[Transition]:
    """One for each pair of stages."""
    node.mapping(_KEYS)
    for trigger in node.child("on").entries():
        trigger.one_of((*CLASSES, *types, EVERY_STEP), "class or interaction type")
    for guard in node.child_or("guards", []).entries():
        guard.one_of((*GUARDS, ASKS), "guard")
    guards = node.child_or("guards", []).texts()
    targets = [to.one_of(stages, "stage") for to in node.child("to").entries()]
    if len(targets) > 1 and ASKS not in guards:
        raise node.child("to").error("more than one stage", f"add the guard `{ASKS}`")
    priority = PRIORITIES[node.child("priority").one_of(PRIORITIES, "priority")]
    outcome = node.child_or("outcome", "overridden").one_of(OUTCOMES, "outcome")
    on, by_way = node.child("on").texts(), node.child_or("by_way", False).flag()
    found = []
    for source in node.child("from").entries():
        from_stage = source.one_of((NONE, *stages), "stage")
        for to_stage in targets:
            if to_stage == from_stage:
                continue
            names = tuple(f"{ASKS}:{to_stage}" if each == ASKS else each for each in guards)
            known = [(each, one) for each in names if (one := guard_named(each))]
            hops = _hops(name, from_stage, to_stage, ladder if by_way else {})
            found.append(
                Transition(
                    name,
                    from_stage,
                    to_stage,
                    on,
                    names,
                    tuple(one.check for _, one in known),
                    tuple(Tell(each, one.observe, one.require(terms)) for each, one in known),
                    priority,
                    hops,
                    outcome,
                    ASKS in guards,
                )
            )
    return found


def _hops(name: str, from_stage: str, to_stage: str, ladder: Ladder) -> tuple[Hop, ...]:
    """The stages passed on the way up, inferred; off the way, the move itself alone."""
    hops: list[Hop] = []
    stage = from_stage
    while stage in ladder and len(hops) <= len(ladder):
        following, passed_by = ladder[stage]
        if following == to_stage:
            return (*hops, Hop(name, stage, to_stage, inferred=False))
        hops.append(Hop(passed_by, stage, following, inferred=True))
        stage = following
    return (Hop(name, from_stage, to_stage, inferred=False),)


def attach_moves(
    types: Mapping[str, InteractionType], transitions: tuple[Transition, ...], table: Table
) -> None:
    """For every outcome and stage, the transitions its triggers pull, from the chart's table."""
    for kind in types.values():
        for outcome in kind.outcomes:
            for stage in {each.from_stage for each in transitions}:
                pulled = {
                    (way.id, way.to_stage)
                    for trigger in outcome.triggers
                    for way in table.get((stage, trigger), ())
                }
                moves = tuple(
                    each
                    for each in transitions
                    if each.from_stage == stage and (each.id, each.to_stage) in pulled
                )
                if moves:
                    outcome.moves[stage] = moves
