"""What a running demo shows: the funnel, how fast it moves, and what is still under way."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec

from app.cli import printing
from app.cli.demo_contacts import ERASED, Temperatures

if TYPE_CHECKING:
    from prometheus_client import Counter

    from app.telemetry.metrics import Metrics

STAGES: Final = ("lead", "prospect", "opportunity", "customer", "lost", "recycled", "disqualified")
TEMPERATURES: Final = ("hot", "warm", "cold")
BAR_CHARS: Final = 24
RATE_WINDOW_SECONDS: Final = 2.0
PLAIN_EVERY_SECONDS: Final = 2.0


class Figures(msgspec.Struct, frozen=True):
    """At one moment. `under_way`: sent, and not handled yet."""

    sent: int
    to_send: int
    handled: dict[str, int]
    """By outcome. A forwarded record is handled twice: there, and at its home."""
    stages: Mapping[str, Temperatures]
    transitions: int
    transitions_per_second: float

    @property
    def completed(self) -> int:
        return sum(self.handled.values()) - self.handled.get("forwarded", 0)

    @property
    def under_way(self) -> int:
        return max(0, self.sent - self.completed)


class Watch:
    """Figures of the worker in this process, with the rate over the last two seconds."""

    def __init__(self, metrics: "Metrics", clock: Callable[[], float] = time.monotonic) -> None:
        self._metrics = metrics
        self._clock = clock
        self._seen: list[tuple[float, int]] = []

    def figures(self, sent: int, to_send: int, stages: Mapping[str, Temperatures]) -> Figures:
        moved = sum(totals(self._metrics.transitions).values())
        return Figures(
            sent=sent,
            to_send=to_send,
            handled=totals(self._metrics.interactions_handled),
            stages=stages,
            transitions=moved,
            transitions_per_second=self._rate(moved),
        )

    def _rate(self, count: int) -> float:
        now = self._clock()
        self._seen = [seen for seen in self._seen if now - seen[0] <= RATE_WINDOW_SECONDS]
        self._seen.append((now, count))
        began, first = self._seen[0]
        return (count - first) / (now - began) if now > began else 0.0


def totals(counter: "Counter") -> dict[str, int]:
    """What the counter has counted, by its label values joined with a space."""
    return {
        " ".join(sample.labels.values()): int(sample.value)
        for metric in counter.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.value
    }


def drawn(figures: Figures) -> Any:
    """The funnel as a picture for a terminal."""
    from rich.console import Group
    from rich.text import Text

    most = max([1, *(sum(counts.values()) for counts in figures.stages.values())])
    rows = [
        (stage, *counts, "█" * round(BAR_CHARS * counts[0] / most))
        for stage, *counts in rows_of(figures.stages)
    ]
    columns = ("stage", "contacts", *TEMPERATURES, "")
    return Group(printing.made_table(columns, rows), *map(Text, lines_of(figures)))


def rows_of(stages: Mapping[str, Temperatures]) -> list[tuple[Any, ...]]:
    """(stage, contacts, hot, warm, cold), in the order of the funnel."""
    shown = [*STAGES, *([ERASED] if ERASED in stages else [])]
    found = [(stage, stages.get(stage, {})) for stage in shown]
    return [
        (stage, sum(counts.values()), *(counts.get(name, 0) for name in TEMPERATURES))
        for stage, counts in found
    ]


def lines_of(figures: Figures) -> tuple[str, str]:
    """The rest, in lines that fit a small terminal."""
    handled = figures.handled
    return (
        f"sent {figures.sent:,} of {figures.to_send:,} · under way {figures.under_way:,}"
        f" · {figures.transitions:,} transitions, {figures.transitions_per_second:,.0f}/s",
        f"duplicates {handled.get('duplicate', 0):,} · late {handled.get('late', 0):,}"
        f" · forwarded {handled.get('forwarded', 0):,}"
        f" · dead letters {handled.get('dead_letter', 0):,}",
    )


@contextmanager
def screen() -> Iterator[Callable[[Figures], None]]:
    """Shows figures: a picture on a terminal, gone in the end; now and then a line elsewhere."""
    from rich.console import Console
    from rich.live import Live

    console = Console()
    if not console.is_terminal:
        yield _Lines()
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda figures: live.update(drawn(figures), refresh=True)


class _Lines:
    """One line every two seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = clock()

    def __call__(self, figures: Figures) -> None:
        if self._clock() < self._next:
            return
        self._next = self._clock() + PLAIN_EVERY_SECONDS
        printing.line(lines_of(figures)[0])
