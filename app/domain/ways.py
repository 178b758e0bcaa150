"""The transitions between two stages of a model: all that may help, and those of a shortest way.

A person's override leads anywhere and explains nothing: it is left out. So is a deal that is won
where the question is not who becomes a customer.
"""

from collections.abc import Iterable

from app.domain.rules import Rules, Transition


def ways_between(rules: Rules, stage: str, target: str) -> list[Transition]:
    """What lies on any way from `stage` to `target`, in the order in which it is tried."""
    usable = [
        each
        for each in rules.transitions
        if not each.is_override
        and each.from_stage != target
        and each.to_stage != stage
        and (len(each.hops) == 1 or each.to_stage == target)
    ]
    ahead = _steps({stage}, [(each.from_stage, each.to_stage) for each in usable])
    back = _steps({target}, [(each.to_stage, each.from_stage) for each in usable])
    return [each for each in usable if each.from_stage in ahead and each.to_stage in back]


def shortest_way(ways: Iterable[Transition], stage: str, target: str) -> list[Transition]:
    """Of these the ones on a way with the fewest moves, from its first to its last move."""
    ways = list(ways)
    ahead = _steps({stage}, [(each.from_stage, each.to_stage) for each in ways])
    back = _steps({target}, [(each.to_stage, each.from_stage) for each in ways])
    if target not in ahead:
        return []
    on_it = [
        each for each in ways if ahead[each.from_stage] + 1 + back[each.to_stage] == ahead[target]
    ]
    return sorted(on_it, key=lambda each: ahead[each.from_stage])


def _steps(start: set[str], edges: list[tuple[str, str]]) -> dict[str, int]:
    """How many edges away each stage is that can be reached."""
    found = dict.fromkeys(start, 0)
    edge_of, steps = start, 0
    while edge_of:
        steps += 1
        edge_of = {to for frm, to in edges if frm in edge_of and to not in found}
        found |= dict.fromkeys(edge_of, steps)
    return found
