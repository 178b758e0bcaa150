"""When a lane partition was read to its end, as the consumer saw it."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from app.inbound.consumer import LaneConsumer
from app.settings import Kafka

TOPICS = ("interactions", "commands")
NOW_MS = 1_772_442_845_412


def state(position: int | None, end: int | None, seen_ms: int = NOW_MS) -> Any:
    return SimpleNamespace(
        has_valid_position=position is not None,
        position=position,
        highwater=end,
        timestamp=seen_ms,
    )


def consumer(*states: Any) -> LaneConsumer:
    """Partition 3 is accepted and assigned; `states` are its topics'."""
    made = LaneConsumer(Kafka(), TOPICS)
    by_tp = {TopicPartition(topic, 3): each for topic, each in zip(TOPICS, states, strict=True)}
    assignment = SimpleNamespace(state_value=by_tp.__getitem__)
    client: Any = SimpleNamespace(
        assignment=lambda: frozenset(by_tp),
        _subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=assignment)),
    )
    made._consumer = client
    made._accepted.add(3)
    return made


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.inbound.consumer.time.time", lambda: NOW_MS / 1000)


def test_it_is_at_its_end_when_every_topic_is() -> None:
    assert consumer(state(7, 7), state(0, 0)).seconds_since_end(3) == 0.0


@pytest.mark.parametrize(
    "behind",
    [state(6, 7), state(7, None), state(None, 7)],
    ids=["records left", "never fetched", "no position yet"],
)
def test_a_topic_that_is_behind_or_unknown_is_not_at_its_end(behind: Any) -> None:
    assert consumer(state(7, 7), behind).seconds_since_end(3) is None
    assert consumer(behind, state(7, 7)).seconds_since_end(3) is None


def test_an_end_seen_long_ago_says_so() -> None:
    """Nobody fetches a partition that is held: what is known of it was true then."""
    seen = consumer(state(7, 7, NOW_MS - 90_000), state(7, 7, NOW_MS - 1_000))
    assert seen.seconds_since_end(3) == 90.0


def test_a_partition_that_is_not_accepted_or_not_assigned_has_no_known_end() -> None:
    held = consumer(state(7, 7), state(7, 7))
    held._accepted.clear()
    assert held.seconds_since_end(3) is None
    held._accepted.add(4)
    assert held.seconds_since_end(4) is None
