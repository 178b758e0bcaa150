"""What goes wrong between what people do and what arrives, as it does everywhere."""

from random import Random
from typing import Final

from msgspec.structs import replace

from app.domain.interaction import Microseconds
from app.domain.topics import Topic
from app.simulation import company
from app.simulation.deliveries import Delivery, delivery_of
from app.simulation.journey import DAY, SECOND, Event

DUPLICATED: Final = 0.04
LATE: Final = 0.05
IMPORTED: Final = 0.06
"""Shares: of events sent twice, of events days late, of people whose past was imported."""

Arrival = tuple[Microseconds, Event]


def imported(events: list[Event], rng: Random) -> list[Arrival]:
    """Some people's first half comes as one backfill, from a system that was connected late."""
    if len(events) < 4 or rng.random() >= IMPORTED:
        return [(event.time, event) for event in events]
    half = len(events) // 2
    at = events[half].time
    old = [(at, replace(event, is_backfill=True)) for event in events[:half]]
    return old + [(event.time, event) for event in events[half:]]


def late(arrivals: list[Arrival], rng: Random, now: Microseconds) -> tuple[list[Arrival], int]:
    """Some events arrive days after they happened; also how many."""
    moved = [
        (min(now, at + round(rng.uniform(2, 30) * DAY)), event)
        if rng.random() < LATE
        else (at, event)
        for at, event in arrivals
    ]
    return moved, sum(new != old for (new, _), (old, _) in zip(moved, arrivals, strict=True))


def duplicated(arrivals: list[Arrival], rng: Random) -> list[Arrival]:
    """The second copies: most at once, some weeks later."""
    return [
        (at + round(rng.choice((2 * SECOND, 2 * SECOND, 20 * DAY))), event)
        for at, event in arrivals
        if rng.random() < DUPLICATED
    ]


def poison(subject: str, sound: Event) -> list[Delivery]:
    """One record for each way to be beyond processing; `sound` is what each spoils."""
    structured = replace(sound, subject=subject, source=company.WEBSITE)
    good = delivery_of(structured)
    return [
        replace(good, value=b'{"specversion": "1.0", "id": '),
        replace(good, value=b'{"hello": "there"}', headers=[]),
        _changed(good, b'"id"', b'"it"'),
        delivery_of(replace(structured, type="fax.received")),
        replace(delivery_of(_override(structured)), topic=Topic.INTERACTIONS),
        delivery_of(replace(structured, type="newsletter.signed_up", data={"consent": "maybe"})),
        delivery_of(replace(structured, time=915_148_800 * SECOND)),
        delivery_of(replace(structured, data={**sound.data, "note": "x" * 70_000})),
    ]


def _override(event: Event) -> Event:
    data = {"to_stage": "customer", "reason": "wish", "actor": "nobody"}
    return replace(event, type="stage.override", data=data)


def _changed(delivery: Delivery, old: bytes, new: bytes) -> Delivery:
    assert delivery.value is not None
    return replace(delivery, value=delivery.value.replace(old, new, 1))
