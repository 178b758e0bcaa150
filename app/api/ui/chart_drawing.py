"""A model's state chart as shapes for SVG: stages as boxes, transitions as arrows, computed here.

The way up stands in one row, from left to right; detours below it. Transitions between the same two
stages are one arrow with all their names.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import atan2, cos, sin
from typing import Final, NamedTuple

from app.domain.rules import Rules, Transition
from app.domain.state import NONE

BOX_WIDTH: Final = 150.0
BOX_HEIGHT: Final = 58.0
STEP: Final = 236.0
LEFT: Final = 150.0
DETOUR: Final = "detour"
ROW_GAP: Final = 190.0
ARC_BASE: Final = 26.0
ARC_STEP: Final = 34.0
SPREAD: Final = 0.72
"""Of a box's side, over which arrows are spread."""
LABELS_AT: Final = (0.5, 0.36, 0.64)

Point = tuple[float, float]


class Box(NamedTuple):
    stage: str
    x: float
    """Of its middle."""
    y: float
    owner: str | None


class Edge(NamedTuple):
    from_stage: str
    to_stage: str
    names: tuple[str, ...]
    path: str
    tip: str
    label: str
    label_x: float
    label_y: float


class Drawing(NamedTuple):
    width: float
    height: float
    boxes: list[Box]
    edges: list[Edge]


class _Way(NamedTuple):
    """An arrow before it has a place: on which sides of its boxes it begins and ends."""

    from_stage: str
    to_stage: str
    names: tuple[str, ...]
    from_side: str
    to_side: str
    distance: int
    """In columns, of those that arch above."""


def draw(rules: Rules) -> Drawing:
    """Without what a person may do: that leads from anywhere to anywhere."""
    shown = [each for each in rules.transitions if not each.is_override]
    up = [NONE, *(name for name, stage in rules.stages.items() if stage.kind != DETOUR)]
    column = {name: n for n, name in enumerate(up)}
    detours = [name for name, stage in rules.stages.items() if stage.kind == DETOUR]
    detours.sort(key=lambda name: _pull(name, shown, column))
    ways = [_way(*pair, names, column) for pair, names in _grouped(shown).items()]
    arch = max((way.distance for way in ways if way.from_side == "top"), default=0)
    top = ARC_BASE + ARC_STEP * arch + BOX_HEIGHT / 2 + 24
    boxes = _boxes(up, detours, top, rules)
    ports = _ports(ways, boxes)
    edges = [_edge(way, n, ports) for n, way in enumerate(ways)]
    width = LEFT + STEP * (len(up) - 1) + BOX_WIDTH / 2 + 20
    height = top + BOX_HEIGHT / 2 + (ROW_GAP + BOX_HEIGHT / 2 + 30 if detours else 20)
    return Drawing(round(width), round(height), list(boxes.values()), edges)


def _grouped(shown: Iterable[Transition]) -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in shown:
        names = found[each.from_stage, each.to_stage]
        if each.id not in names:
            names.append(each.id)
    return {
        pair: tuple(sorted(names, key=lambda name: (len(name), name)))
        for pair, names in found.items()
        if pair[0] != pair[1]
    }


def _pull(name: str, shown: Iterable[Transition], column: dict[str, int]) -> float:
    """Where a detour's neighbours stand, on average; what most lead to stands last."""
    ends = [each.from_stage for each in shown if each.to_stage == name]
    ends += [each.to_stage for each in shown if each.from_stage == name]
    near = [column[end] for end in ends if end in column]
    return sum(near) / len(near) if near else len(column)


def _way(from_stage: str, to_stage: str, names: tuple[str, ...], column: dict[str, int]) -> _Way:
    start, end = column.get(from_stage), column.get(to_stage)
    distance = 0 if start is None or end is None else end - start
    if start is not None and end is not None:
        sides = ("right", "left") if distance == 1 else ("top", "top")
    elif start is not None:
        sides = ("bottom", "top")
    elif end is not None:
        sides = ("top", "bottom")
    else:
        sides = ("beside", "beside")
    return _Way(from_stage, to_stage, names, *sides, abs(distance))


def _boxes(up: Sequence[str], detours: Sequence[str], top: float, rules: Rules) -> dict[str, Box]:
    boxes = {NONE: Box(NONE, LEFT - STEP / 2, top, None)}
    for n, name in enumerate(up[1:]):
        boxes[name] = Box(name, LEFT + STEP * n + STEP / 2 + 20, top, rules.stages[name].owner)
    first, last = boxes[up[1]].x, boxes[up[-1]].x
    for n, name in enumerate(detours):
        x = first + (last - first) * (n + 0.5) / len(detours)
        boxes[name] = Box(name, x, top + ROW_GAP + BOX_HEIGHT / 2, rules.stages[name].owner)
    return boxes


def _ports(ways: Sequence[_Way], boxes: dict[str, Box]) -> dict[tuple[int, bool], Point]:
    """(way, is it the start) -> where it touches its box, spread so that arrows do not cross."""
    touching: dict[tuple[str, str], list[tuple[float, int, bool]]] = defaultdict(list)
    for n, way in enumerate(ways):
        here, there = boxes[way.from_stage], boxes[way.to_stage]
        touching[here.stage, way.from_side].append((there.x, n, True))
        touching[there.stage, way.to_side].append((here.x, n, False))
    ports: dict[tuple[int, bool], Point] = {}
    for (stage, side), ends in touching.items():
        box = boxes[stage]
        for place, (other_x, n, is_start) in enumerate(sorted(ends)):
            along = (place + 1) / (len(ends) + 1) - 0.5
            ports[n, is_start] = _port(box, side, along, other_x)
    return ports


def _port(box: Box, side: str, along: float, other_x: float) -> Point:
    half_width = BOX_WIDTH / 2 if box.stage != NONE else 13.0
    half_height = BOX_HEIGHT / 2 if box.stage != NONE else 13.0
    x = box.x + along * 2 * half_width * SPREAD
    match side:
        case "top":
            return x, box.y - half_height
        case "bottom":
            return x, box.y + half_height
        case "right":
            return box.x + half_width, box.y
        case "left":
            return box.x - half_width, box.y
        case _:  # beside one another
            side_x = half_width if other_x > box.x else -half_width
            return box.x + side_x, box.y + along * half_height
    raise AssertionError(side)


def _edge(way: _Way, n: int, ports: dict[tuple[int, bool], Point]) -> Edge:
    start, end = ports[n, True], ports[n, False]
    first, second = _controls(way, start, end)
    at = 0.5 if way.from_side in ("right", "top") else LABELS_AT[n % len(LABELS_AT)]
    if way.from_side == "top" and way.to_side == "bottom":
        at = LABELS_AT[n % len(LABELS_AT)]
    label_x, label_y = _on_curve(at, start, first, second, end)
    path = f"M{_xy(start)} C{_xy(first)} {_xy(second)} {_xy(end)}"
    lift = -7 if way.from_side == "right" else 4
    return Edge(
        way.from_stage,
        way.to_stage,
        way.names,
        path,
        _tip(second, end),
        " ".join(way.names),
        round(label_x, 1),
        round(label_y + lift, 1),
    )


def _controls(way: _Way, start: Point, end: Point) -> tuple[Point, Point]:
    if way.from_side in ("right", "beside"):
        third = (end[0] - start[0]) / 3
        return (start[0] + third, start[1]), (end[0] - third, end[1])
    if way.to_side == way.from_side:  # an arch above
        rise = (ARC_BASE + ARC_STEP * way.distance) / 0.75
        return (start[0], start[1] - rise), (end[0], end[1] - rise)
    half = (end[1] - start[1]) / 2
    return (start[0], start[1] + half), (end[0], end[1] - half)


def _on_curve(at: float, *points: Point) -> Point:
    """De Casteljau."""
    left = list(points)
    while len(left) > 1:
        left = [(a[0] + (b[0] - a[0]) * at, a[1] + (b[1] - a[1]) * at) for a, b in pairwise(left)]
    return left[0]


def _tip(before: Point, end: Point) -> str:
    """An arrow's head as the points of a polygon."""
    angle = atan2(end[1] - before[1], end[0] - before[0])
    wings = [
        (end[0] - 9 * cos(angle + turn), end[1] - 9 * sin(angle + turn)) for turn in (0.42, -0.42)
    ]
    return " ".join(_xy(point) for point in (end, *wings))


def _xy(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"
