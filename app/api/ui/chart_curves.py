"""Curves of a chart, and where on them a label covers nothing."""

from itertools import pairwise
from math import atan2, cos, sin
from typing import Final, NamedTuple

Point = tuple[float, float]

PLACES: Final = (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73, 0.2, 0.8)
"""Along an arrow: the first where the label covers nothing is taken."""
CHAR_WIDTH: Final = 7.0
LINE_HEIGHT: Final = 16.0


class Curve(NamedTuple):
    """A cubic Bézier."""

    start: Point
    first: Point
    second: Point
    end: Point

    @property
    def path(self) -> str:
        start, *rest = map(_xy, self)
        return f"M{start} C{' '.join(rest)}"

    @property
    def tip(self) -> str:
        """An arrow's head as the points of a polygon."""
        x, y = self.end
        angle = atan2(y - self.second[1], x - self.second[0])
        wings = [(x - 9 * cos(angle + turn), y - 9 * sin(angle + turn)) for turn in (0.42, -0.42)]
        return " ".join(map(_xy, (self.end, *wings)))

    def at(self, part: float) -> Point:
        """De Casteljau."""
        left: list[Point] = list(self)
        while len(left) > 1:
            left = [
                (a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part)
                for a, b in pairwise(left)
            ]
        return left[0]


class _Area(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "_Area") -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


class Labels:
    """One after the other, each where it meets none of those before it, and no box."""

    def __init__(self) -> None:
        self._taken: list[_Area] = []

    def keep_free(self, x: float, y: float, width: float, height: float) -> None:
        self._taken.append(_around(x, y, width, height))

    def place(self, text: str, curve: Curve, lift: float) -> Point:
        """The middle of its base line."""
        width = len(text) * CHAR_WIDTH + 6
        every = [curve.at(part) for part in PLACES]
        free = [
            point
            for point in every
            if not any(
                _around(point[0], point[1] + lift, width, LINE_HEIGHT).meets(each)
                for each in self._taken
            )
        ]
        x, y = (free or every)[0]
        self.keep_free(x, y + lift, width, LINE_HEIGHT)
        return round(x, 1), round(y + lift + 4, 1)


def _around(x: float, y: float, width: float, height: float) -> _Area:
    return _Area(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _xy(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"
