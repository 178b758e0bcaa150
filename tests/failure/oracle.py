"""What a contact's history must be, said a second time: a slow, plain fold written from the model.

Nothing here is shared with the service. All interactions of a contact are sorted by (effective
time, source, id) and folded from nothing; every guard looks at the whole past again. It knows the
models of tests/failure/models: the stages none, lead, prospect, opportunity, customer, lost and
disqualified, the transitions T1, T2, T3, T5, T6, T13, T14 and T17 (no pins), and no timers.
"""

from collections.abc import Iterable
from typing import NamedTuple

from tests.failure.past import Event, Past, Seen


class Move(NamedTuple):
    """One transition that holds."""

    transition: str
    from_stage: str
    to_stage: str
    cycle: int
    effective_at: int
    cause_id: str
    cause_source: str
    inferred: bool


class Folded(NamedTuple):
    stage: str
    cycle: int
    moves: tuple[Move, ...]


def fold(events: Iterable[Event], is_held: bool = False) -> Folded:
    """The stage, the cycle and the standing history, oldest first.

    `is_held`: an unknown industry waits, as plain-held@1 has it.
    """
    contact = _Contact(is_held)
    for event in sorted(events, key=_order):
        contact.step(event)
    return Folded(contact.stage, contact.cycle, tuple(contact.moves))


def _order(event: Event) -> tuple[int, bytes, bytes]:
    return event.time, event.source.encode(), event.id.encode()


LADDER = ["none", "lead", "prospect", "opportunity", "customer"]
CLIMB = {
    ("none", "lead"): "T1",
    ("lead", "prospect"): "T2",
    ("prospect", "opportunity"): "T3",
    ("opportunity", "customer"): "T5",
    ("lost", "opportunity"): "T12",
    ("disqualified", "lead"): "T14",
}


class _Contact:
    def __init__(self, is_held: bool) -> None:
        self.stage = "none"
        self.cycle = 1
        self.moves: list[Move] = []
        self.past = Past(is_held)
        self.is_barred = False
        """Disqualified by a person: no fact brings the contact back."""

    def step(self, event: Event) -> None:
        """One atomic step: evidence first, then transitions until none is enabled."""
        current = self.past.add(event)
        if self.stage == "opportunity" and "intent" in current.classes:
            current.is_used = True
        if event.type == "contact.disqualified":
            self.is_barred = True
        done: set[str] = set()
        for _ in range(6):
            for transition, way in self.enabled(current):
                if transition not in done:
                    done.add(transition)
                    self.go(transition, way, current)
                    break
            else:
                return

    def go(self, transition: str, way: list[str], current: Seen) -> None:
        """Move along `way`; all but its last stage are inferred stops of one move."""
        for to_stage in way:
            is_last = to_stage == way[-1]
            name = transition if is_last else CLIMB[self.stage, to_stage]
            event = current.event
            self.moves.append(
                Move(
                    name,
                    self.stage,
                    to_stage,
                    self.cycle,
                    event.time,
                    event.id,
                    event.source,
                    not is_last,
                )
            )
            self.stage = to_stage
            if transition == "T17" and to_stage == "disqualified":
                self.is_barred = True
            if to_stage == "opportunity":
                for seen in self.past.seen:
                    seen.is_used = True

    def enabled(self, current: Seen) -> Iterable[tuple[str, list[str]]]:
        """Transitions that may be taken now, the first has priority."""
        event, classes, stage = current.event, current.classes, self.stage
        if event.type == "stage.override" and event.data["to_stage"] != stage:
            yield "T17", _way_of_override(stage, event.data["to_stage"])
        if stage in ("lead", "prospect", "opportunity", "lost") and (
            event.type == "contact.disqualified" or self.past.is_mismatch()
        ):
            yield "T13", ["disqualified"]
        if event.type == "deal.won" and stage != "customer":
            yield "T5", _climb(stage, "customer")
        if event.type == "deal.lost" and stage == "opportunity" and not self.past.open_deals():
            yield "T6", ["lost"]
        if stage == "none" and current.is_inbound:
            yield "T1", ["lead"]
        if (
            stage == "lead"
            and classes & {"two_way", "intent", "fact"}
            and self.past.may_be_prospect()
        ):
            yield "T2", ["prospect"]
        if stage == "prospect" and classes & {"intent", "fact"} and self.past.may_be_opportunity():
            yield "T3", ["opportunity"]
        if (
            stage == "disqualified"
            and "fact" in classes
            and not self.is_barred
            and not self.past.is_mismatch()
            and self.past.not_blocked()
        ):
            yield "T14", ["lead"]


def _climb(stage: str, goal: str) -> list[str]:
    """The stages passed from `stage` to `goal`, `goal` included."""
    if stage == "lost":
        return LADDER[LADDER.index("opportunity") : LADDER.index(goal) + 1]
    start = 0 if stage == "disqualified" else LADDER.index(stage)
    return LADDER[start + 1 : LADDER.index(goal) + 1]


def _way_of_override(stage: str, goal: str) -> list[str]:
    if goal in LADDER:
        way = _climb(stage, goal)
        if way:
            return way
    return [goal]
