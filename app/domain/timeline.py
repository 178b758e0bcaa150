"""The model timeline of a tenant: which model version folds from which effective time on.

A version is activated `forward`, for what is later, or by `refold`, for all history.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.state import NEVER

Mode = Literal["forward", "refold"]
EVER = -NEVER
"""Before every moment."""


class Ruling(Protocol):
    """What decides: one model, or a timeline of them."""

    @property
    def generation(self) -> int:
        """Counts the activations: a contact of another one is brought up to date first."""
        ...

    @property
    def refolded(self) -> int:
        """The last generation that changed all history."""
        ...

    def at(self, time: Microseconds) -> Rules:
        """The rules in force at an effective time."""
        ...

    def spans_after(
        self, time: Microseconds
    ) -> tuple[tuple[Microseconds, Microseconds, Rules], ...]:
        """(start, end, rules) of the span that holds `time`, and of all later ones."""
        ...


@dataclass(frozen=True, slots=True)
class Timeline:
    """Immutable. `spans` follow one another without a gap; the last one has no end."""

    spans: tuple[tuple[Microseconds, Rules], ...]
    generation: int = 0
    refolded: int = 0

    @classmethod
    def of(cls, rules: Rules) -> "Timeline":
        return cls(((EVER, rules),))

    def at(self, time: Microseconds) -> Rules:
        for start, rules in reversed(self.spans):
            if time >= start:
                return rules
        raise AssertionError("the first span has no beginning")

    def spans_after(
        self, time: Microseconds
    ) -> tuple[tuple[Microseconds, Microseconds, Rules], ...]:
        ends = [start for start, _ in self.spans[1:]] + [NEVER]
        whole = [(start, end, rules) for (start, rules), end in zip(self.spans, ends, strict=True)]
        return tuple(span for span in whole if span[1] > time)

    def activated(self, rules: Rules, mode: Mode, active_from: Microseconds) -> "Timeline":
        generation = self.generation + 1
        if mode == "refold":
            return Timeline(((EVER, rules),), generation, generation)
        earlier = tuple(span for span in self.spans if span[0] < active_from)
        return Timeline((*earlier, (active_from, rules)), generation, self.refolded)

    @property
    def latest(self) -> Rules:
        return self.spans[-1][1]
