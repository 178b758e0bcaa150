import itertools
import json
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from app.domain.routing import home_partition
from app.simulation import journeys
from app.simulation.company import people
from app.simulation.deliveries import Delivery, delivery_of
from app.simulation.journey import DAY, SECOND, Event
from app.simulation.journeys import journey_of, past_journey_of
from app.simulation.traffic import in_order_of_arrival, live, traffic

NOW = 1_790_000_000 * SECOND
TRAFFIC = traffic(seed=7, contacts=400, now=NOW)
MISSION = (
    "newsletter.signed_up",
    "email.replied",
    "tradeshow.contact_made",
    "demo.requested",
    "pricing.requested",
)


def events(count: int = 300) -> Iterator[Event]:
    rng = Random(3)
    for person in people(count, rng):
        yield from past_journey_of(person, rng, NOW)


def type_of(delivery: Delivery) -> str | None:
    headers = dict(delivery.headers)
    if "ce_type" in headers:
        return headers["ce_type"].decode()
    try:
        found = json.loads(delivery.value or b"").get("type")
    except ValueError:
        return None
    return found if isinstance(found, str) else None


def test_same_seed_gives_the_same_bytes() -> None:
    assert traffic(seed=7, contacts=400, now=NOW) == TRAFFIC


def test_other_seed_gives_other_traffic() -> None:
    assert traffic(seed=8, contacts=400, now=NOW).deliveries != TRAFFIC.deliveries


@pytest.mark.parametrize("type_", MISSION)
def test_each_interaction_of_the_mission_occurs(type_: str) -> None:
    assert any(type_of(delivery) == type_ for delivery in TRAFFIC.deliveries)


@pytest.mark.parametrize(
    "mishap", ["duplicates", "late", "backfilled", "automated", "off_home", "poison"]
)
def test_each_mishap_occurs(mishap: str) -> None:
    assert getattr(TRAFFIC, mishap) > 0


def test_duplicates_are_the_same_bytes_again() -> None:
    identities = [
        (delivery.subject, delivery.value, tuple(delivery.headers))
        for delivery in TRAFFIC.deliveries
    ]
    assert len(identities) - len(set(identities)) == TRAFFIC.duplicates


def test_records_of_other_partitioners_miss_their_home() -> None:
    strays = [d for d in TRAFFIC.deliveries if d.placement != "home"]
    off_home = [d for d in strays if d.partition(12) != home_partition(d.subject, 12)]
    assert len(off_home) > len(strays) / 2


def test_records_of_the_default_partitioner_are_at_home() -> None:
    homely = [d for d in TRAFFIC.deliveries if d.placement == "home"]
    assert all(d.partition(12) == home_partition(d.subject, 12) for d in homely)


def test_a_journey_runs_forward_in_office_hours() -> None:
    for person in people(50, Random(1)):
        times = [event.time for event in journey_of(person, Random(person.key), NOW)]
        assert times == sorted(times)
        assert all(8 <= at % DAY // (3600 * SECOND) <= 18 for at in times)


def test_the_past_ends_now() -> None:
    assert max(event.time for event in events()) <= NOW


def at(contact: str, day: float) -> tuple[int, Event]:
    time = NOW + round(day * DAY)
    return time, Event(contact, f"{contact}@{day}", "/a", "email.replied", time, {})


def test_the_old_comes_by_contact_and_the_rest_as_it_came() -> None:
    arrivals = [
        *(at("a", -90), at("b", -80), at("a", -30), at("b", -20)),
        *(at("a", -2), at("b", -3), at("c", -1)),
    ]
    found = [event.id for event in in_order_of_arrival(arrivals, NOW - 7 * DAY)]
    assert found == ["a@-90", "a@-30", "b@-80", "b@-20", "b@-3", "a@-2", "c@-1"]


@pytest.mark.parametrize("count", [20, 600, 5000])
def test_a_company_has_several_people(count: int) -> None:
    firms = Counter(person.company for person in people(count, Random(2)))
    assert max(firms.values()) > 1
    assert len(firms) > 1


def test_ids_are_unique() -> None:
    ids = [event.id for event in events()]
    assert len(ids) == len(set(ids))


def test_every_way_has_a_weight_and_stands_once() -> None:
    ways = [way for way, _ in journeys.WAYS]
    assert len(ways) == len(set(ways))
    assert all(weight > 0 for _, weight in journeys.WAYS)


def test_live_events_are_of_people_not_met_before() -> None:
    old = {delivery.subject for delivery in TRAFFIC.deliveries}
    new = {event.subject for event in itertools.islice(live(7, 400, NOW), 200)}
    assert not old & new


def test_both_modes_of_the_kafka_binding_are_used() -> None:
    modes = {"ce_type" in dict(delivery_of(event).headers) for event in events()}
    assert modes == {True, False}
