"""The model's section `transitions`: into the chart, and from its table to what the fold runs."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from app.domain.catalogue import CLASSES, EVERY_STEP, SCORE
from app.domain.chart import Arrow, Table, machine_of, table_of
from app.domain.entry import TIMER
from app.domain.guards import ASKS, GUARDS, OR, guard_named
from app.domain.reading import Node
from app.domain.rules import Hop, InteractionType, Stage, Tell, Terms, Transition
from app.domain.state import NONE, OPPORTUNITY
from app.domain.timers import STAGE_TIMERS

_KEYS: Final = (
    "from", "to", "on", "guards", "priority", "outcome", "by_way", "definition", "cycle", "nurture",
    "customer_to", "ends_customer",
)  # fmt: skip
TIMER_TRIGGERS: Final = tuple(TIMER + name for name in STAGE_TIMERS)
TRIGGERS: Final = (EVERY_STEP, SCORE, *TIMER_TRIGGERS)
OUTCOMES: Final = ("won", "lost", "recycled", "disqualified", "overridden", "erased")
PRIORITIES: Final = {"command": 90, "mismatch": 80, "deal": 70, "forward": 50, "detour": 10}

PIN_BREAKERS: Final = frozenset(
    ("deal.won", "deal.lost", "deal.updated", "deal.reopened", "customer.churned",
     "contact.disqualified", "stage.override")
)  # fmt: skip
"""What moves a contact that a person has pinned to its stage, and ends the pin."""
CYCLES: Final = ("same", "next", "next_on_intent")
TRACKS: Final = ("educate", "convince", "win_back")

Ladder = Mapping[str, tuple[str, str, bool]]
"""The way up: stage -> (next stage, the transition that leads there, it starts a new cycle)."""


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
        rung.mapping(("to", "as", "cycle"))
        ladder[stage] = (
            rung.child("to").one_of(stages, "stage"),
            rung.child("as").text(),
            rung.child_or("cycle", "same").one_of(CYCLES, "kind of cycle") == "next",
        )
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
        trigger.one_of((*CLASSES, *types, *TRIGGERS), "class, interaction type or timer")
    for guard in node.child_or("guards", []).entries():
        for one in guard.text().split(OR):
            Node(one, guard.path, guard.locate).one_of((*GUARDS, ASKS), "guard")
    guards = node.child_or("guards", []).texts()
    targets = [to.one_of(stages, "stage") for to in node.child("to").entries()]
    if len(targets) > 1 and ASKS not in guards:
        raise node.child("to").error("more than one stage", f"add the guard `{ASKS}`")
    priority = PRIORITIES[node.child("priority").one_of(PRIORITIES, "priority")]
    outcome = node.child_or("outcome", "overridden").one_of(OUTCOMES, "outcome")
    on, by_way = node.child("on").texts(), node.child_or("by_way", False).flag()
    track = node.child_or("nurture", None)
    extras = _Extras(
        node.child_or("cycle", "same").one_of(CYCLES, "kind of cycle"),
        None if track.value is None else track.one_of(TRACKS, "track"),
        node.child_or("ends_customer", False).flag(),
    )
    back = node.child_or("customer_to", None)
    if back.value is not None:
        back.one_of(stages, "stage")
    found = []
    for source in node.child("from").entries():
        from_stage = source.one_of((NONE, *stages), "stage")
        for to_stage in targets:
            if to_stage == from_stage:
                continue
            ends: list[tuple[str, tuple[str, ...]]] = [(to_stage, ())]
            if back.value is not None and from_stage == OPPORTUNITY:
                ends = [(back.value, ("customer",)), (to_stage, ("no_customer",))]
            for end, first in ends:
                names = tuple(f"{ASKS}:{to_stage}" if each == ASKS else each for each in guards)
                names = (*first, *names)
                known = [(each, guard_named(each)) for each in names]
                found.append(
                    Transition(
                        name,
                        from_stage,
                        end,
                        on,
                        names,
                        tuple(one.check for _, one in known),
                        tuple(Tell(each, one.observe, one.require(terms)) for each, one in known),
                        priority,
                        _hops(name, from_stage, end, ladder if by_way else {}),
                        outcome,
                        ASKS in guards,
                        PIN_BREAKERS.intersection(on),
                        extras.cycle,
                        None if end == back.value else extras.nurture,
                        extras.ends_customer,
                    )
                )
    return found


class _Extras(NamedTuple):
    cycle: str
    nurture: str | None
    ends_customer: bool


def _hops(name: str, from_stage: str, to_stage: str, ladder: Ladder) -> tuple[Hop, ...]:
    """The stages passed on the way up, inferred; off the way, the move itself alone."""
    hops: list[Hop] = []
    stage = from_stage
    while stage in ladder and len(hops) <= len(ladder):
        following, passed_by, starts_cycle = ladder[stage]
        if following == to_stage:
            return (*hops, Hop(name, stage, to_stage, inferred=False))
        hops.append(Hop(passed_by, stage, following, inferred=True, starts_cycle=starts_cycle))
        stage = following
    return (Hop(name, from_stage, to_stage, inferred=False),)


def attach_moves(
    types: Mapping[str, InteractionType], transitions: tuple[Transition, ...], table: Table
) -> None:
    """For every outcome and stage, the transitions its triggers pull, from the chart's table."""
    for kind in types.values():
        for outcome in kind.outcomes:
            outcome.moves.update(_pulled(outcome.triggers, transitions, table))


def timer_moves(
    transitions: tuple[Transition, ...], table: Table
) -> dict[str, dict[str, tuple[Transition, ...]]]:
    """The same for what no interaction pulls: timers, the end of a pin, a step alone."""
    return {
        trigger: _pulled((trigger, EVERY_STEP), transitions, table)
        for trigger in (EVERY_STEP, "fact", *TIMER_TRIGGERS)
    }


def _pulled(
    triggers: Collection[str], transitions: tuple[Transition, ...], table: Table
) -> dict[str, tuple[Transition, ...]]:
    moves = {}
    for stage in {each.from_stage for each in transitions}:
        pulled = {
            (way.id, way.to_stage)
            for trigger in triggers
            for way in table.get((stage, trigger), ())
        }
        found = tuple(
            each
            for each in transitions
            if each.from_stage == stage and (each.id, each.to_stage) in pulled
        )
        if found:
            moves[stage] = found
    return moves
