"""What a simulation counts. Two tallies of different contacts add up to that of all."""

from collections import Counter
from itertools import groupby
from typing import Final

from app.domain.what_if_report import MOVERS_MAX, Mover, Sample

SAMPLES_PER_PAIR: Final = 3


class Side:
    """What one of the two models comes to."""

    def __init__(self) -> None:
        self.stages: Counter[str] = Counter()
        """Contacts, at the end."""
        self.customers = 0
        self.moves: Counter[tuple[str, str, str, str]] = Counter()
        """(month, transition, from, to)"""
        self.handoffs: Counter[str] = Counter()
        """By month."""

    def add(self, other: "Side") -> None:
        self.stages += other.stages
        self.customers += other.customers
        self.moves += other.moves
        self.handoffs += other.handoffs


class Tally:
    """Of some contacts, or, added up, of all."""

    def __init__(self) -> None:
        self.contacts = self.interactions = self.same_stage_other_history = 0
        self.current, self.candidate = Side(), Side()
        self.pairs: Counter[tuple[str, str]] = Counter()
        """(stage now, stage then), of all contacts."""
        self.models: Counter[str] = Counter()
        """Contacts, by the model in force."""
        self.lacking: Counter[tuple[str, str]] = Counter()
        """(type, field): interactions that were logged without it."""
        self.refused = 0
        """Contacts on which a rule of the candidate fails."""
        self.refusal: str | None = None
        self.movers: list[Mover] = []
        """Those that come first."""
        self.samples: list[Sample] = []

    def add(self, other: "Tally") -> None:
        self.contacts += other.contacts
        self.interactions += other.interactions
        self.same_stage_other_history += other.same_stage_other_history
        self.current.add(other.current)
        self.candidate.add(other.candidate)
        self.pairs += other.pairs
        self.models += other.models
        self.lacking += other.lacking
        self.refused += other.refused
        self.refusal = self.refusal or other.refusal
        self.movers = first_of([*self.movers, *other.movers])
        self.samples = _fewest([*self.samples, *other.samples])


def first_of(movers: list[Mover]) -> list[Mover]:
    return sorted(movers)[:MOVERS_MAX]


def _fewest(samples: list[Sample]) -> list[Sample]:
    """The first few of every pair, in an order that does not depend on who came first."""
    ordered = sorted(samples, key=lambda each: (each.now, each.then, each.tenant, each.contact_id))
    return [
        each
        for _, same in groupby(ordered, key=lambda each: (each.now, each.then))
        for each in list(same)[:SAMPLES_PER_PAIR]
    ]
