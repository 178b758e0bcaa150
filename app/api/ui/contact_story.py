"""What a contact's page tells: read once, by the classes that the HTTP interface reads with."""

import asyncio
from typing import Final

import msgspec

from app.api.contact_reading import ContactReading
from app.api.contacts import Timer
from app.api.explaining import WhyNotAnswer, told
from app.api.shapes import ContactAnswer, StageChange, contact_answer, stage_change
from app.api.ui.contact_timeline import TimelinePart, part_of
from app.domain.bitemporal import standing
from app.domain.contact import Contact
from app.domain.decide import explain, view
from app.domain.explanation import Explanation
from app.domain.identity import whole_log
from app.domain.interaction import Microseconds
from app.domain.qualification import standing_of
from app.domain.rules import Rules
from app.domain.score_course import ScoreParts, ScorePoint, score_course
from app.domain.state import NONE
from app.domain.timeline import Ruling
from app.domain.timers import timers_of
from app.domain.timestamps import format_rfc3339
from app.storage.rows import StoredChange

COURSE_ENTRIES_MAX: Final = 2_000
"""A longer history has no chart: folding it for each view would cost too much."""


class Fact(msgspec.Struct, frozen=True):
    criterion: str
    value: str
    standing: str
    """met, not_met or unknown."""
    at: str
    actor: str | None
    valid_until: str | None


class Handoff(msgspec.Struct, frozen=True):
    """One that waits for an answer."""

    transition_id: str
    requested_at: str
    due: str | None


class Deal(msgspec.Struct, frozen=True):
    deal_id: str
    amount: float | None
    currency: str | None
    probability: float | None
    expected_close: str | None


class Story(msgspec.Struct, frozen=True):
    contact: ContactAnswer
    track: list[StageChange]
    """The moves that stand, oldest first."""
    records: int
    """Of its history, those taken back included."""
    told: TimelinePart
    interactions: int
    ways: list[Explanation]
    timers: list[Timer]
    facts: list[Fact]
    handoff: Handoff | None
    deals: list[Deal]
    pinned_until: str | None
    reason: str | None
    entered_at: str | None
    stages: list[str]
    """That a person may put it into."""
    course: list[ScorePoint]
    parts: ScoreParts


async def read_story(contacts: ContactReading, tenant: str, key: str) -> Story:
    """Problem 404; Unavailable."""
    ruling = await contacts.ruling(tenant, key)
    found = await contacts.contact(tenant, key)
    records = await contacts.history(tenant, key)
    at = contacts.clock()
    return await asyncio.to_thread(_story, found, records, ruling, at)


def _story(found: Contact, records: list[StoredChange], ruling: Ruling, at: Microseconds) -> Story:
    rules, state = ruling.at(at), found.fold
    entries = list(whole_log(found))
    track = [stage_change(each) for each in standing(records)]
    timers = [
        Timer(each.name, format_rfc3339(each.due), each.effect) for each in timers_of(state, rules)
    ]
    course: list[ScorePoint] = []
    parts = ScoreParts({}, {})
    if len(entries) <= COURSE_ENTRIES_MAX and found.book.primary is None:
        course, parts = score_course(reversed(entries), max(at, state.head_time), ruling)
    means = standing_of(state, at)
    return Story(
        contact=contact_answer(
            found.tenant, found.contact_id, at, found.seq, rules.ref, view(found, rules, at)
        ),
        track=track,
        records=len(records),
        told=part_of(entries, records),
        interactions=len(entries),
        ways=_ways(explain(found, ruling, at), rules),
        timers=timers,
        facts=[
            Fact(
                name,
                str(fact.value),
                means.get(name, "unknown"),
                format_rfc3339(fact.at),
                fact.actor,
                None if fact.valid_until is None else format_rfc3339(fact.valid_until),
            )
            for name, fact in sorted(state.facts.items())
        ],
        handoff=_handoff(found, track, timers),
        deals=[
            Deal(name, deal.amount, deal.currency, deal.probability, deal.expected_close)
            for name, deal in state.open_deals.items()
        ],
        pinned_until=None if state.pin_until is None else format_rfc3339(state.pin_until),
        reason=state.reason,
        entered_at=None if state.stage == NONE else format_rfc3339(state.entered_at),
        stages=[name for name in rules.stages if name != state.stage],
        course=course,
        parts=parts,
    )


def _ways(ways: list[Explanation], rules: Rules) -> list[Explanation]:
    """The way up first, then detours; without what a person may do, and what each step tries."""
    order = list(rules.stages)
    detours = {name for name, stage in rules.stages.items() if stage.kind == "detour"}
    overrides = {each.id for each in rules.transitions if each.is_override}
    on = [each for each in ways if each.transition not in overrides]

    def place(way: Explanation) -> tuple[bool, int, int]:
        """Of those to the same stage, the one with the fewest guards."""
        return way.to_stage in detours, order.index(way.to_stage), len(way.guards)

    return sorted(on, key=place)


def _handoff(found: Contact, track: list[StageChange], timers: list[Timer]) -> Handoff | None:
    handoff = found.fold.handoff
    if handoff is None or handoff.answer is not None:
        return None
    asked_for = [
        each
        for each in track
        if (each.from_stage, each.to_stage, each.cycle)
        == (handoff.from_stage, handoff.to_stage, handoff.cycle)
    ]
    if not asked_for:
        return None
    due = next((each.due for each in timers if each.name == "handoff_accept"), None)
    return Handoff(asked_for[-1].transition_id, format_rfc3339(handoff.at), due)


async def read_why_not(contacts: ContactReading, tenant: str, key: str, stage: str) -> WhyNotAnswer:
    """Problem 404, 422; Unavailable."""
    return told(await contacts.why_not(tenant, key, stage))
