"""What a contact's history must be, said a second time: a slow, plain fold written from the model.

Nothing here is shared with the service. All interactions of a contact are sorted by (effective
time, source, id) and folded from nothing; every guard looks at the whole past again. It knows the
first part of b2b-default@1: the stages none, lead, prospect, opportunity, customer, lost and
disqualified, the transitions T1, T2, T3, T5, T6, T13, T14 and T17 (no pins), and no timers.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from tests.failure.catalogue import (
    CONSENT_TYPES,
    DAY,
    INBOUND,
    instant_of,
    is_human,
    is_identified,
    meaning_of,
)


class Event(msgspec.Struct, frozen=True):
    """One valid interaction; `time` is its effective time in microseconds."""

    tenant: str
    contact_id: str
    source: str
    id: str
    type: str
    time: int
    data: dict[str, Any]
    automated: bool = False


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


class _Seen:
    """An interaction of the past with what it meant when it was folded."""

    def __init__(self, event: Event, past: "Sequence[_Seen]") -> None:
        self.event = event
        self.human = is_human(event.type, event.data, event.automated)
        self.identified = is_identified(event.contact_id, event.data)
        humans = [seen.event.time // DAY for seen in past if seen.is_inbound]
        is_later_day = bool(humans) and event.time // DAY > humans[0]
        meaning = meaning_of(event.type, event.data, event.time, is_later_day)
        self.classes, self.weak = meaning
        self.is_used = False

    @property
    def is_inbound(self) -> bool:
        return self.human and self.identified and bool(self.classes & INBOUND)

    @property
    def is_intent(self) -> bool:
        return self.human and self.identified and "intent" in self.classes

    @property
    def is_two_way(self) -> bool:
        return self.human and self.identified and bool(self.classes & {"two_way", "intent"})


def fold(events: Iterable[Event]) -> Folded:
    """The stage, the cycle and the standing history, oldest first."""
    contact = _Contact()
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
    def __init__(self) -> None:
        self.stage = "none"
        self.cycle = 1
        self.moves: list[Move] = []
        self.past: list[_Seen] = []
        self.now = 0
        self.is_barred = False
        """Disqualified by a person: no fact brings the contact back."""

    def step(self, event: Event) -> None:
        """One atomic step: evidence first, then transitions until none is enabled."""
        self.now = event.time
        current = _Seen(event, self.past)
        self.past.append(current)
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

    def go(self, transition: str, way: list[str], current: _Seen) -> None:
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
                for seen in self.past:
                    seen.is_used = True

    def enabled(self, current: _Seen) -> Iterable[tuple[str, list[str]]]:
        """Transitions that may be taken now, the first has priority."""
        event, classes, stage = current.event, current.classes, self.stage
        if event.type == "stage.override" and event.data["to_stage"] != stage:
            yield "T17", _way_of_override(stage, event.data["to_stage"])
        if stage in ("lead", "prospect", "opportunity", "lost") and (
            event.type == "contact.disqualified" or self.is_mismatch()
        ):
            yield "T13", ["disqualified"]
        if event.type == "deal.won" and stage != "customer":
            yield "T5", _climb(stage, "customer")
        if event.type == "deal.lost" and stage == "opportunity" and not self.open_deals():
            yield "T6", ["lost"]
        if stage == "none" and current.is_inbound:
            yield "T1", ["lead"]
        if stage == "lead" and classes & {"two_way", "intent", "fact"} and self.may_be_prospect():
            yield "T2", ["prospect"]
        if stage == "prospect" and classes & {"intent", "fact"} and self.may_be_opportunity():
            yield "T3", ["opportunity"]
        if (
            stage == "disqualified"
            and "fact" in classes
            and not self.is_barred
            and not self.is_mismatch()
            and self.not_blocked()
        ):
            yield "T14", ["lead"]

    # guards

    def fact(self, criterion: str) -> str:
        """met, not_met or unknown, as the last fact of the criterion says now."""
        for seen in reversed(self.past):
            data = seen.event.data
            if seen.event.type == "qualification.recorded" and data["criterion"] == criterion:
                until = data.get("valid_until")
                if until is not None and self.now > instant_of(until):
                    return "unknown"
                value = str(data["value"])
                if criterion == "authority":
                    return {
                        "decision_maker": "met",
                        "influencer": "met",
                        "none": "not_met",
                    }.get(value, value)
                return value
        return "unknown"

    def is_mismatch(self) -> bool:
        return any(self.fact(name) == "not_met" for name in ("industry", "need", "fit"))

    def not_blocked(self) -> bool:
        levels = ("industry", "need", "can_use", "wants", "authority", "budget")
        return not self.has_opted_out() and all(self.fact(name) != "not_met" for name in levels)

    def has_opted_out(self) -> bool:
        for seen in reversed(self.past):
            kind = seen.event.type
            if kind in CONSENT_TYPES and seen.event.data["scope"] == "processing":
                return kind == "contact.opted_out"
        return False

    def may_be_prospect(self) -> bool:
        icp = self.fact("industry") != "not_met" and self.fact("need") != "not_met"
        return icp and self.not_blocked() and self.two_way_recent()

    def two_way_recent(self) -> bool:
        recent = [
            seen
            for seen in self.past
            if seen.is_two_way and self.now - seen.event.time <= 180 * DAY
        ]
        if any(not seen.weak for seen in recent):
            return True
        return len({seen.event.time // DAY for seen in recent}) >= 2

    def may_be_opportunity(self) -> bool:
        triad = all(self.fact(name) != "not_met" for name in ("pain", "interest", "fit"))
        return triad and self.not_blocked() and self.intent_active()

    def intent_active(self) -> bool:
        unused = [seen for seen in self.past if seen.is_intent and not seen.is_used]
        if any(self.now - seen.event.time <= 90 * DAY for seen in unused):
            return True
        stated = [
            seen
            for seen in self.past
            if seen.event.type == "decision_deadline.communicated"
            and seen.human
            and seen.identified
        ]
        if not stated or stated[-1] not in unused:
            return False
        return self.now <= instant_of(stated[-1].event.data["deadline"]) + 30 * DAY

    def open_deals(self) -> set[str]:
        known: set[str] = set()
        are_open: set[str] = set()
        for seen in self.past:
            kind, deal = seen.event.type, seen.event.data.get("deal_id", "")
            if kind == "deal.reopened" or (kind == "deal.updated" and deal not in known):
                are_open.add(deal)
            if kind in ("deal.won", "deal.lost"):
                are_open.discard(deal)
            if kind.startswith("deal."):
                known.add(deal)
        return are_open


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
