"""A model's state chart as shapes for SVG: stages as boxes, transitions as arrows, computed here.

The way up stands in one row, from left to right; detours below it. Transitions between the same two
stages are one arrow with all their names.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from app.api.ui.chart_curves import Curve, Labels, Point
from app.domain.rules import Rules, Transition
from app.domain.state import NONE

BOX_WIDTH: Final = 150.0
BOX_HEIGHT: Final = 58.0
DOT: Final = 13.0
"""Half of what stands for a contact that is nowhere yet, with its margin."""
STEP: Final = 262.0
FIRST: Final = 230.0
DETOUR: Final = "detour"
ROW_GAP: Final = 200.0
ARCH_BASE: Final = 26.0
ARCH_STEP: Final = 34.0
SPREAD: Final = 0.78
"""Of a box's side, over which arrows are spread."""
MARGIN: Final = 24.0


class Box(NamedTuple):
    """`x`, `y`: its middle."""

    stage: str
    x: float
    y: float
    owner: str | None


class Edge(NamedTuple):
    from_stage: str
    to_stage: str
    names: tuple[str, ...]
    path: str
    tip: str
    label: str
    label_at: Point


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
    """In columns of a row."""


class _Rows(NamedTuple):
    up: list[str]
    detours: list[str]

    def distance(self, from_stage: str, to_stage: str) -> int | None:
        """None: they stand in different rows."""
        for row in self:
            if from_stage in row and to_stage in row:
                return row.index(to_stage) - row.index(from_stage)
        return None


def draw(rules: Rules) -> Drawing:
    """Without what a person may do: that leads from anywhere to anywhere."""
    shown = [each for each in rules.transitions if not each.is_override]
    rows = _rows(rules, shown)
    ways = [_way(*pair, names, rows) for pair, names in _grouped(shown).items()]
    above = max((way.distance for way in ways if way.from_side == way.to_side == "top"), default=0)
    below = any(way.from_side == way.to_side == "bottom" for way in ways)
    top = ARCH_BASE + ARCH_STEP * above + BOX_HEIGHT / 2 + MARGIN
    boxes = _boxes(rows, top, rules)
    lowest = max(box.y for box in boxes.values()) + BOX_HEIGHT / 2
    return Drawing(
        round(max(box.x for box in boxes.values()) + BOX_WIDTH / 2 + MARGIN),
        round(lowest + MARGIN + (ARCH_BASE + ARCH_STEP * 2 if below else 0)),
        list(boxes.values()),
        _edges(ways, boxes),
    )


def _rows(rules: Rules, shown: Sequence[Transition]) -> _Rows:
    up = [NONE, *(name for name, stage in rules.stages.items() if stage.kind != DETOUR)]
    detours = [name for name, stage in rules.stages.items() if stage.kind == DETOUR]
    return _Rows(up, sorted(detours, key=lambda name: _pull(name, shown, up)))


def _pull(name: str, shown: Iterable[Transition], up: Sequence[str]) -> float:
    """Where a detour's neighbours stand in the row above, on average."""
    ends = [
        {each.from_stage, each.to_stage} - {name}
        for each in shown
        if name in (each.from_stage, each.to_stage)
    ]
    near = [up.index(end) for pair in ends for end in pair if end in up]
    return sum(near) / len(near) if near else len(up)


def _grouped(shown: Iterable[Transition]) -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for each in shown:
        if each.from_stage != each.to_stage:
            found[each.from_stage, each.to_stage].add(each.id)
    return {
        pair: tuple(sorted(names, key=lambda name: (len(name), name)))
        for pair, names in found.items()
    }


def _way(from_stage: str, to_stage: str, names: tuple[str, ...], rows: _Rows) -> _Way:
    distance = rows.distance(from_stage, to_stage)
    is_up = from_stage in rows.up
    if distance is None:
        sides = ("bottom", "top") if is_up else ("top", "bottom")
    elif is_up:
        sides = ("right", "left") if distance == 1 else ("top", "top")
    else:
        sides = ("beside", "beside") if abs(distance) == 1 else ("bottom", "bottom")
    return _Way(from_stage, to_stage, names, *sides, abs(distance or 0))


def _boxes(rows: _Rows, top: float, rules: Rules) -> dict[str, Box]:
    boxes = {NONE: Box(NONE, FIRST - STEP / 2 - 40, top, None)}
    for n, name in enumerate(rows.up[1:]):
        boxes[name] = Box(name, FIRST + STEP * n, top, rules.stages[name].owner)
    middle = FIRST + STEP * (len(rows.up) - 2) / 2
    for n, name in enumerate(rows.detours):
        x = middle + STEP * (n - (len(rows.detours) - 1) / 2)
        boxes[name] = Box(name, x, top + ROW_GAP + BOX_HEIGHT / 2, rules.stages[name].owner)
    return boxes


def _edges(ways: Sequence[_Way], boxes: dict[str, Box]) -> list[Edge]:
    ports, labels = _ports(ways, boxes), Labels()
    for box in boxes.values():
        labels.keep_free(box.x, box.y, BOX_WIDTH, BOX_HEIGHT)
    edges = []
    for n, way in enumerate(ways):
        curve = _curve(way, ports[n, True], ports[n, False])
        text, lift = " ".join(way.names), -10.0 if way.from_side == "right" else 0.0
        at = labels.place(text, curve, lift)
        edges.append(Edge(way.from_stage, way.to_stage, way.names, curve.path, curve.tip, text, at))
    return edges


def _ports(ways: Sequence[_Way], boxes: dict[str, Box]) -> dict[tuple[int, bool], Point]:
    """(way, is it the start) -> where it touches its box, spread so that few arrows cross."""
    touching: dict[tuple[str, str], list[tuple[float, int, bool]]] = defaultdict(list)
    for n, way in enumerate(ways):
        here, there = boxes[way.from_stage], boxes[way.to_stage]
        touching[here.stage, way.from_side].append((there.x, n, True))
        touching[there.stage, way.to_side].append((here.x, n, False))
    ports: dict[tuple[int, bool], Point] = {}
    for (stage, side), ends in touching.items():
        for place, (other_x, n, is_start) in enumerate(sorted(ends)):
            along = (place + 1) / (len(ends) + 1) - 0.5
            ports[n, is_start] = _port(boxes[stage], side, along, other_x)
    return ports


def _port(box: Box, side: str, along: float, other_x: float) -> Point:
    is_dot = box.stage == NONE
    wide = DOT if is_dot else BOX_WIDTH / 2
    high = DOT if is_dot else BOX_HEIGHT / 2
    across = box.x + along * 2 * wide * SPREAD
    beside = wide if other_x > box.x else -wide
    return {
        "top": (across, box.y - high),
        "bottom": (across, box.y + high),
        "right": (box.x + wide, box.y),
        "left": (box.x - wide, box.y),
        "beside": (box.x + beside, box.y + along * high),
    }[side]


def _curve(way: _Way, start: Point, end: Point) -> Curve:
    if way.from_side in ("right", "beside"):
        third = (end[0] - start[0]) / 3
        return Curve(start, (start[0] + third, start[1]), (end[0] - third, end[1]), end)
    if way.to_side == way.from_side:  # an arch
        rise = (ARCH_BASE + ARCH_STEP * way.distance) / 0.75
        turn = -rise if way.from_side == "top" else rise
        return Curve(start, (start[0], start[1] + turn), (end[0], end[1] + turn), end)
    half = (end[1] - start[1]) / 2
    return Curve(start, (start[0], start[1] + half), (end[0], end[1] - half), end)
