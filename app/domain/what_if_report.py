"""What a simulation tells: two models side by side, in numbers and by example."""

from typing import Final

import msgspec

from app.domain.changes import Cause, GuardResult
from app.domain.explanation import Explanation
from app.domain.interaction import Microseconds

MOVERS_MAX: Final = 10_000
"""That are told by name: what a simulation holds is bounded."""


class Moved(msgspec.Struct, frozen=True, gc=False):
    transition: str
    from_stage: str
    to_stage: str
    effective_at: Microseconds


class Decided(msgspec.Struct, frozen=True, gc=False):
    """A move with what it rests on."""

    transition: str
    from_stage: str
    to_stage: str
    effective_at: Microseconds
    cause: Cause
    guards: tuple[GuardResult, ...]
    evidence: tuple[str, ...]


class Sample(msgspec.Struct, frozen=True, gc=False):
    """A contact that would be elsewhere."""

    tenant: str
    contact_id: str
    now: str
    then: str
    moved: Moved | None
    """The last move of the model in force."""
    decided: Decided | None
    """The last move of the candidate."""
    blocked: list[Explanation]
    """The candidate's ways on, each with the guards that do not hold."""


class Mover(msgspec.Struct, frozen=True, order=True, gc=False):
    """A contact that is in `now` and would be in `then`."""

    now: str
    then: str
    tenant: str
    contact_id: str


class StageCount(msgspec.Struct, frozen=True):
    stage: str
    current: int
    candidate: int


class TransitionCount(msgspec.Struct, frozen=True):
    transition: str
    from_stage: str
    to_stage: str
    current: int
    candidate: int


class PairCount(msgspec.Struct, frozen=True):
    """Contacts that are in `now` and would be in `then`."""

    now: str
    then: str
    contacts: int


class Month(msgspec.Struct, frozen=True):
    """What happened in it; in the candidate's time zone."""

    month: str
    handoffs: tuple[int, int]
    """(current, candidate), as in all pairs here."""
    opportunities: tuple[int, int]
    """Moves into the stage."""
    customers: tuple[int, int]
    moves: tuple[int, int]


class Lack(msgspec.Struct, frozen=True):
    """The candidate reads a field that so many interactions were logged without."""

    type: str
    field: str
    interactions: int


class Report(msgspec.Struct, frozen=True):
    """Both models fold the same evidence up to `until` (microseconds since 1970)."""

    current: str
    candidate: str
    until: Microseconds
    contacts: int
    interactions: int
    movers: int
    pairs: list[PairCount]
    """Movers, most first."""
    same_stage_other_history: int
    """They would have come to their stage another way."""
    stages: list[StageCount]
    customers: tuple[int, int]
    handoffs: tuple[int, int]
    transitions: list[TransitionCount]
    months: list[Month]
    lacking: list[Lack]
    listed: list[Mover]
    """The movers, in the order of their fields; the first `MOVERS_MAX`."""
    samples: list[Sample]
    refused: int
    """Contacts that are left out, because a rule of the candidate fails on them."""
    refusal: str | None
    notes: list[str]
