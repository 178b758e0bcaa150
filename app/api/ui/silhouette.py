"""The funnel's outline: one band for each stage, as high as there were entries in the period."""

from collections.abc import Sequence
from typing import Final, NamedTuple

WIDTH: Final = 1000.0
HEIGHT: Final = 100.0
LEAST: Final = 3.0
"""Half of the height of a band with nobody in it: it can still be seen."""
MARGIN: Final = 10.0


class Band(NamedTuple):
    stage: str
    path: str


class Silhouette(NamedTuple):
    width: float
    height: float
    bands: list[Band]


def silhouette(entered: Sequence[tuple[str, int]]) -> Silhouette:
    most = max((n for _, n in entered), default=0)
    room = HEIGHT / 2 - MARGIN
    halves = [max(LEAST, room * n / most if most else LEAST) for _, n in entered]
    step = WIDTH / max(1, len(entered))
    bands = [
        Band(
            stage,
            _band(
                step * n,
                step * (n + 1),
                halves[n],
                halves[n + 1] if n + 1 < len(halves) else halves[n],
            ),
        )
        for n, (stage, _) in enumerate(entered)
    ]
    return Silhouette(WIDTH, HEIGHT, bands)


def _band(left: float, right: float, before: float, after: float) -> str:
    """Level for most of it, then curving to the next."""
    middle, bend = HEIGHT / 2, left + (right - left) * 0.55
    turn = (bend + right) / 2

    def at(x: float, half: float) -> str:
        return f"{x:.1f},{middle + half:.1f}"

    return (
        f"M{at(left, -before)} L{at(bend, -before)}"
        f" C{at(turn, -before)} {at(turn, -after)} {at(right, -after)} L{at(right, after)}"
        f" C{at(turn, after)} {at(turn, before)} {at(bend, before)} L{at(left, before)} Z"
    )
