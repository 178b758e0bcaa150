"""The past of a contact and what it proves: every question looks at all of it again."""

from collections.abc import Sequence
from typing import Any

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


class Seen:
    """An interaction of the past with what it meant when it was folded."""

    def __init__(self, event: Event, past: "Sequence[Seen]") -> None:
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


class Past:
    """All interactions up to now, and the guards of the model."""

    def __init__(self, is_held: bool) -> None:
        self.seen: list[Seen] = []
        self.is_held = is_held
        self.now = 0

    def add(self, event: Event) -> Seen:
        self.now = event.time
        seen = Seen(event, self.seen)
        self.seen.append(seen)
        return seen

    def fact(self, criterion: str) -> str:
        """met, not_met or unknown, as the last fact of the criterion says now."""
        for seen in reversed(self.seen):
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
        for seen in reversed(self.seen):
            kind = seen.event.type
            if kind in CONSENT_TYPES and seen.event.data["scope"] == "processing":
                return kind == "contact.opted_out"
        return False

    def may_be_prospect(self) -> bool:
        industry = self.fact("industry")
        fits = industry == "met" if self.is_held else industry != "not_met"
        return (
            fits and self.fact("need") != "not_met" and self.not_blocked() and self.two_way_recent()
        )

    def two_way_recent(self) -> bool:
        recent = [
            seen
            for seen in self.seen
            if seen.is_two_way and self.now - seen.event.time <= 180 * DAY
        ]
        if any(not seen.weak for seen in recent):
            return True
        return len({seen.event.time // DAY for seen in recent}) >= 2

    def may_be_opportunity(self) -> bool:
        triad = all(self.fact(name) != "not_met" for name in ("pain", "interest", "fit"))
        return triad and self.not_blocked() and self.intent_active()

    def intent_active(self) -> bool:
        unused = [seen for seen in self.seen if seen.is_intent and not seen.is_used]
        if any(self.now - seen.event.time <= 90 * DAY for seen in unused):
            return True
        stated = [
            seen
            for seen in self.seen
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
        for seen in self.seen:
            kind, deal = seen.event.type, seen.event.data.get("deal_id", "")
            if kind == "deal.reopened" or (kind == "deal.updated" and deal not in known):
                are_open.add(deal)
            if kind in ("deal.won", "deal.lost"):
                are_open.discard(deal)
            if kind.startswith("deal."):
                known.add(deal)
        return are_open
