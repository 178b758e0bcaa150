"""All of it in the order of arrival, and what there is to be seen in it."""

import itertools
from collections.abc import Iterator
from random import Random

import msgspec

from app.domain.interaction import Microseconds
from app.simulation import mishaps
from app.simulation.company import people
from app.simulation.deliveries import Delivery, delivery_of
from app.simulation.journey import SECOND, Event
from app.simulation.journeys import journey_of, past_journey_of


class Traffic(msgspec.Struct, frozen=True):
    deliveries: list[Delivery]
    contacts: int
    duplicates: int
    late: int
    backfilled: int
    automated: int
    off_home: int
    """Sent by systems that place records otherwise, or without a key."""
    poison: int


def traffic(seed: int, contacts: int, now: Microseconds) -> Traffic:
    """Months of a company's past up to `now`. The same arguments give the same records."""
    rng = Random(seed)  # noqa: S311 - a simulation
    arrivals: list[mishaps.Arrival] = []
    for person in people(contacts, rng):
        arrivals += mishaps.imported(past_journey_of(person, rng, now), rng)
    arrivals, late = mishaps.late(arrivals, rng, now)
    copies = mishaps.duplicated(arrivals, rng)
    ordered = sorted(arrivals + copies, key=lambda arrival: arrival[0])
    deliveries = [delivery_of(event) for _, event in ordered]
    bad = _spoilt(rng, now)
    for record in bad:
        deliveries.insert(rng.randrange(len(deliveries) + 1), record)
    return Traffic(
        deliveries=deliveries,
        contacts=contacts,
        duplicates=len(copies),
        late=late,
        backfilled=sum(event.is_backfill for _, event in ordered),
        automated=sum(event.automated for _, event in ordered),
        off_home=sum(delivery.placement != "home" for delivery in deliveries),
        poison=len(bad),
    )


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
