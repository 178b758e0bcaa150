"""All of it in the order of arrival, and what there is to be seen in it."""

import itertools
from collections.abc import Iterator
from random import Random
from typing import Final

import msgspec

from app.domain.interaction import Microseconds
from app.simulation import mishaps
from app.simulation.cast import LIVES, at_the_desk, lives
from app.simulation.company import people
from app.simulation.deliveries import Delivery, delivery_of
from app.simulation.journey import DAY, SECOND, Event
from app.simulation.journeys import journey_of, past_journey_of

WEEK: Final = 7 * DAY


class Traffic(msgspec.Struct, frozen=True):
    deliveries: list[Delivery]
    """Months of a company's past."""
    desk: list[Delivery]
    """What its own people then put right: to be sent once all of that has been handled."""
    contacts: int
    duplicates: int
    late: int
    backfilled: int
    automated: int
    off_home: int
    """Sent by systems that place records otherwise, or without a key."""
    poison: int


def traffic(seed: int, contacts: int, now: Microseconds) -> Traffic:
    """Everything up to `now`, of so many people and the cast. The same arguments, the same records.

    `contacts` counts the people, the cast too.
    """
    rng = Random(seed)  # noqa: S311 - a simulation
    arrivals: list[mishaps.Arrival] = []
    for person in people(contacts - len(LIVES), rng):
        arrivals += mishaps.imported(past_journey_of(person, rng, now), rng)
    arrivals, late = mishaps.late(arrivals, rng, now)
    copies = mishaps.duplicated(arrivals, rng)
    cast = lives(seed, now)
    arrivals += copies + [(event.time, event) for event in cast]
    events = in_order_of_arrival(arrivals, now - WEEK)
    deliveries = [delivery_of(event) for event in events]
    bad = _spoilt(rng, now)
    for record in bad:
        deliveries.insert(rng.randrange(len(deliveries) + 1), record)
    return Traffic(
        deliveries=deliveries,
        desk=[delivery_of(event) for event in at_the_desk(cast, seed, now)],
        contacts=contacts,
        duplicates=len(copies),
        late=late,
        backfilled=sum(event.is_backfill for event in events),
        automated=sum(event.automated for event in events),
        off_home=sum(delivery.placement != "home" for delivery in deliveries),
        poison=len(bad),
    )


def in_order_of_arrival(arrivals: list[mishaps.Arrival], live_from: Microseconds) -> list[Event]:
    """What is old comes contact by contact, then what is not, as it came.

    Months are sent in seconds: in the order of time, every contact would seem to have gone quiet
    before each of its interactions, and timers, which go by the clock on the wall, would say so.
    """
    last: dict[str, Microseconds] = {}
    for at, event in arrivals:
        if at < live_from:
            last[event.subject] = max(at, last.get(event.subject, 0))

    def place(arrival: mishaps.Arrival) -> tuple[Microseconds, str, Microseconds]:
        at, event = arrival
        return (last[event.subject], event.subject, at) if at < live_from else (at, "", at)

    return [event for _, event in sorted(arrivals, key=place)]


def live(seed: int, contacts: int, now: Microseconds) -> Iterator[Event]:
    """New people's events without end, to be sent one by one with the time of sending.

    They come in the order of each journey, several journeys at once.
    """
    rng = Random(f"live {seed}")  # noqa: S311 - a simulation
    newcomers = itertools.count(contacts)
    under_way: list[list[Event]] = []
    while True:
        while len(under_way) < 8:
            person = msgspec.structs.replace(
                people(1, rng)[0], key=f"crm-{10_000 + next(newcomers)}"
            )
            under_way.append(journey_of(person, rng, now))
        journey = rng.choice(under_way)
        if journey:
            yield journey.pop(0)
        under_way = [journey for journey in under_way if journey]


def _spoilt(rng: Random, now: Microseconds) -> list[Delivery]:
    sound = Event(
        subject="crm-9000",
        id=f"{rng.getrandbits(128):032x}",
        source="",
        type="demo.requested",
        time=now - 10 * SECOND,
        data={"product_id": "analytics"},
    )
    return mishaps.poison("crm-9000", sound)
