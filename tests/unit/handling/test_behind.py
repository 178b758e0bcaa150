"""How far behind: true while nothing moves, and from one incarnation to the next."""

import pytest

from app.handling.batch import DecidedBatch, PartitionBatch, begin_due
from app.handling.behind import Behind
from app.handling.partition import OwnedPartition
from app.handling.ports import Position
from app.storage.rows import Offsets, PartitionRow
from app.telemetry.metrics import Metrics

TOPICS = ("in", "commands")
NOW = 90_000_000


class Consumer:
    """The ends it saw, and the positions it has got to."""

    topics = TOPICS

    def __init__(self) -> None:
        self.seen: Offsets = (0, 0)
        self.positions: Offsets = (0, 0)

    def ends(self, partition: int) -> Offsets:
        return self.seen

    def passed(self, partition: int, offsets: Offsets) -> list[bool]:
        return [mine >= end for mine, end in zip(self.positions, offsets, strict=True)]


class World:
    def __init__(self) -> None:
        self.consumer, self.metrics = Consumer(), Metrics()
        self.behind = Behind("contacts", self.consumer, self.metrics, lambda: NOW)  # type: ignore[arg-type]  # no more of it is asked
        self.behind.tell_of_intents()

    def said(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"funnel_{name}", labels)

    def lag(self, topic: str = "in") -> float | None:
        return self.said("consumer_lag", topic=topic, partition="3")

    @property
    def intent_seconds(self) -> float | None:
        return self.said("oldest_unapplied_intent_seconds")

    @property
    def outbox(self) -> tuple[float | None, bool]:
        """How many batches, and whether the oldest is of some age."""
        oldest = self.said("outbox_oldest_seconds", lane="contacts")
        return self.said("outbox_batches", lane="contacts"), bool(oldest and oldest > 0)


@pytest.fixture
def world() -> World:
    return World()


def owned(*offsets: int) -> OwnedPartition:
    return OwnedPartition(PartitionRow("contacts", 3, 1, "me", 5, offsets, 0, 5, offsets))


def decided(mine: OwnedPartition, *offsets: int, intent: int | None = None) -> DecidedBatch:
    position = mine.begin_batch(offsets, 0)
    part = PartitionBatch(mine, position, b"", 0, [], b"")
    return DecidedBatch(1, 0, [], oldest_intent=intent, parts=[part])


def test_an_intent_is_as_old_as_its_arrival_until_it_is_applied(world: World) -> None:
    batch = decided(owned(10, 0), 12, 0, intent=NOW - 3_500_000)
    world.behind.decided(batch)
    before = world.intent_seconds
    world.behind.applied(batch.parts[0])
    assert (before, world.intent_seconds) == (3.5, 0.0)


def test_an_intent_waits_on_while_lives_of_the_lane_end_one_after_the_other(world: World) -> None:
    world.behind.decided(decided(owned(10, 0), 12, 0, intent=NOW - 70_000_000))
    world.behind.taken(owned(10, 0))
    assert world.intent_seconds == 70.0


def test_an_intent_whose_commit_was_not_heard_of_is_applied(world: World) -> None:
    """Whoever takes the partition over finds that D has passed it."""
    world.behind.decided(decided(owned(10, 0), 12, 0, intent=NOW - 70_000_000))
    world.behind.taken(owned(12, 0))
    assert world.intent_seconds == 0.0


def test_what_is_applied_grows_older_until_it_is_published(world: World) -> None:
    mine = owned(10, 0)
    batch = decided(mine, 12, 0)
    seen = [world.outbox]
    world.behind.applied(batch.parts[0])
    seen.append(world.outbox)
    world.behind.published(batch.parts[0].position)
    seen.append(world.outbox)
    assert seen == [(0, False), (1, True), (0, False)]


def test_what_a_life_left_in_the_outbox_is_told_by_the_next(world: World) -> None:
    world.behind.found(Position(3, 8, (12, 0), 0))
    world.behind.found(Position(3, 8, (12, 0), 0))  # a takeover that failed, and is begun again
    found = world.outbox
    world.behind.taken(owned(12, 0))
    assert (found, world.outbox) == ((1, True), (1, True))  # K is batch 5 of that row
    world.behind.published(Position(3, 8, (12, 0), 0))
    assert world.outbox == (0, False)


def test_a_batch_of_timers_is_in_the_outbox_too(world: World) -> None:
    part = begin_due(owned(10, 0), 1)
    world.behind.applied(part)
    assert world.outbox == (1, True)


def test_a_partition_that_went_elsewhere_is_told_of_there(world: World) -> None:
    mine = owned(10, 0)
    batch = decided(mine, 12, 0, intent=NOW - 1_000_000)
    world.behind.decided(batch)
    world.behind.applied(batch.parts[0])
    world.behind.lag.show(mine)
    world.behind.keep({1, 2})
    assert (world.outbox, world.intent_seconds, world.lag()) == ((0, False), 0.0, None)


def test_lag_is_what_is_not_published(world: World) -> None:
    mine = owned(10, 0)
    world.consumer.seen, world.consumer.positions = (15, 0), (12, 0)
    world.behind.lag.show(mine)
    assert (world.lag(), world.said("published_offset", topic="in", partition="3")) == (5, 10)


def test_markers_of_transactions_behind_the_last_record_are_no_lag(world: World) -> None:
    mine = owned(10, 4)
    world.consumer.seen = world.consumer.positions = (10, 6)
    world.behind.lag.show(mine)
    assert (world.lag("in"), world.lag("commands")) == (0, 0)


def test_an_end_that_was_read_to_stays_read_while_another_topic_is_behind(world: World) -> None:
    mine = owned(10, 4)
    world.consumer.seen = world.consumer.positions = (10, 6)
    world.behind.lag.show(mine)
    world.consumer.seen, mine.in_hand = (900, 6), 3
    world.behind.lag.show(mine)
    assert (world.lag("in"), world.lag("commands")) == (890, 0)


def test_records_that_are_in_hand_are_no_markers(world: World) -> None:
    mine = owned(10, 4)
    mine.in_hand = 2
    world.consumer.seen = world.consumer.positions = (12, 4)
    world.behind.lag.show(mine)
    assert world.lag() == 2


def test_records_that_are_decided_and_not_published_are_lag(world: World) -> None:
    mine = owned(10, 4)
    decided(mine, 12, 4)
    world.consumer.seen = world.consumer.positions = (12, 4)
    world.behind.lag.show(mine)
    assert world.lag() == 2
