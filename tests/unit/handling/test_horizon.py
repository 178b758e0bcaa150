"""Up to when timers may fire: never past what was read."""

import pytest

from app.handling.horizon import Horizon
from app.handling.partition import OwnedPartition
from app.storage.rows import PartitionRow

SECOND = 1_000_000
LAST_RECORD = 1_000 * SECOND
NOW = 90_000 * SECOND


class Reading:
    """A consumer that saw the end so long ago; None: it has not."""

    def __init__(self) -> None:
        self.since_end: float | None = 0.0

    def seconds_since_end(self, partition: int) -> float | None:
        assert partition == 3
        return self.since_end


class Monotonic:
    def __init__(self) -> None:
        self.seconds = 50.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def reading() -> Reading:
    return Reading()


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def owned() -> OwnedPartition:
    return OwnedPartition(PartitionRow("contacts", 3, 7, "me", 40, (10,), LAST_RECORD, 40, (10,)))


@pytest.fixture
def horizon(reading: Reading, monotonic: Monotonic) -> Horizon:
    made = Horizon(reading, monotonic)
    made.told(NOW)
    return made


def test_it_is_the_databases_clock_once_everything_is_read(
    horizon: Horizon, monotonic: Monotonic, owned: OwnedPartition
) -> None:
    assert horizon.of(owned) == NOW
    monotonic.seconds += 2
    assert horizon.of(owned) == NOW + 2 * SECOND
    horizon.told(NOW + 3 * SECOND)
    assert horizon.of(owned) == NOW + 3 * SECOND


def test_it_is_the_last_record_decided_while_there_is_a_backlog(
    horizon: Horizon, reading: Reading, owned: OwnedPartition
) -> None:
    reading.since_end = None
    assert horizon.of(owned) == LAST_RECORD
    owned.begin_batch((11,), LAST_RECORD + 5)
    assert horizon.of(owned) == LAST_RECORD + 5


def test_records_in_hand_are_a_backlog(horizon: Horizon, owned: OwnedPartition) -> None:
    owned.in_hand = 1
    assert horizon.of(owned) == LAST_RECORD
    owned.in_hand = 0
    assert horizon.of(owned) == NOW


def test_what_came_after_the_last_look_at_the_end_is_not_known(
    horizon: Horizon, reading: Reading, owned: OwnedPartition
) -> None:
    reading.since_end = 60.0
    assert horizon.of(owned) == NOW - 60 * SECOND
    reading.since_end = 1e6
    assert horizon.of(owned) == LAST_RECORD


def test_it_is_the_last_record_decided_until_the_clock_was_asked(
    reading: Reading, owned: OwnedPartition
) -> None:
    assert Horizon(reading).of(owned) == LAST_RECORD
    assert Horizon(reading).now is None


def test_what_fired_at_a_horizon_is_never_taken_back(
    horizon: Horizon, reading: Reading, owned: OwnedPartition
) -> None:
    owned.begin_batch(owned.decided.offsets, horizon.of(owned))
    reading.since_end = None
    assert horizon.of(owned) == NOW
    horizon.told(NOW - 100 * SECOND)
    reading.since_end = 0.0
    assert horizon.of(owned) == NOW
