"""A model under the linter: its moves as a graph, and how a finding is told."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from app.domain.reading import Locate, Node, Path
from app.domain.rules import Rules
from app.domain.state import NONE


class Finding(NamedTuple):
    """`text` says where, what and how to mend it."""

    rule: str
    text: str


class Model(NamedTuple):
    """A compiled model, and the complete definition it was made of."""

    definition: Mapping[str, Any]
    rules: Rules
    locate: Locate

    def finding(self, rule: str, path: Path, message: str, mend: str) -> Finding:
        return Finding(rule, str(Node(None, path, self.locate).error(message, mend)))


class Edge(NamedTuple):
    from_stage: str
    to_stage: str
    transition: str


def edges_of(model: Model) -> list[Edge]:
    """Every single move by which the rules, not a person, take a contact on."""
    return [
        Edge(hop.from_stage, hop.to_stage, each.id)
        for each in model.rules.transitions
        if not each.is_override
        for hop in each.hops
    ]


def ways_from_none(edges: Iterable[Edge], without: str | None) -> dict[str, Edge]:
    """Every stage that is reached from none, and the last move of a way there."""
    found: dict[str, Edge] = {}
    ends = [NONE]
    for end in ends:
        for edge in edges:
            if edge.from_stage == end and edge.to_stage not in {*found, without}:
                found[edge.to_stage] = edge
                ends.append(edge.to_stage)
    return found
