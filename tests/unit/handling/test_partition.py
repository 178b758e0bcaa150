"""An owned partition: decided >= applied (D) >= published (K), and when it is settled."""

import asyncio

import pytest

from app.handling.partition import OwnedPartition
from app.settings import DeadLetters
from app.storage.rows import PartitionRow


@pytest.fixture
def owned() -> OwnedPartition:
    return OwnedPartition(PartitionRow("contacts", 3, 7, "me", 40, (10, 20), 1000, 38, (9, 19)))


def test_it_begins_where_the_row_stands_with_everything_published(owned: OwnedPartition) -> None:
    assert owned.decided == owned.applied == owned.published == (3, 40, (10, 20), 1000)
    assert not owned.is_active


def test_batches_are_numbered_without_gaps_and_time_never_goes_back(owned: OwnedPartition) -> None:
    first = owned.begin_batch((12, 20), 900)
    second = owned.begin_batch((12, 25), 2000)
    assert first == (3, 41, (12, 20), 1000)
    assert second == (3, 42, (12, 25), 2000)
    assert owned.applied.batch_seq == 40


def test_a_move_expects_the_last_applied_and_tells_the_k_known_now(owned: OwnedPartition) -> None:
    first, second = owned.begin_batch((12, 20), 1), owned.begin_batch((15, 20), 1)
    owned.applied = first
    move = owned.move(second)
    assert (move.partition, move.epoch) == (3, 7)
    assert (move.expected_seq, move.expected_offsets) == (41, (12, 20))
    assert (move.batch_seq, move.next_offsets) == (42, (15, 20))
    assert (move.published_seq, move.published_offsets) == (40, (10, 20))
    owned.published_up_to(first)
    assert owned.move(second).published_seq == 41


async def test_it_is_settled_when_every_batch_that_was_begun_is_published(
    owned: OwnedPartition,
) -> None:
    await owned.settled()
    positions = [owned.begin_batch((11 + n, 20), 1) for n in range(3)]
    waiting = asyncio.create_task(owned.settled())
    for position in positions:
        await asyncio.sleep(0)
        assert not waiting.done()
        owned.published_up_to(position)
    await waiting
    assert owned.published == positions[-1]


LIMITS = DeadLetters(stop_after_consecutive=10, stop_ratio=0.5, stop_ratio_window=100)


@pytest.mark.parametrize(
    ("batches", "why"),
    [
        ([(9, 9)], None),
        ([(5, 5), (5, 5)], "10 dead letters in a row"),
        ([(5, 5), (6, 5), (5, 5)], None),
        ([(50, 10), (50, 30)], None),
        ([(50, 25), (50, 25)], "50% of the last 100 records are dead letters"),
        ([(100, 20), (60, 40)], None),
    ],
)
def test_too_many_dead_letters_have_a_reason(
    owned: OwnedPartition, batches: list[tuple[int, int]], why: str | None
) -> None:
    said = [owned.too_many_dead(handled, dead, LIMITS) for handled, dead in batches]
    assert said[-1] == why
    assert said[:-1] == [None] * (len(said) - 1)
