"""Where a stream is: written out, read back, and never trusted."""

import pytest

from app.domain.topics import ACCOUNT_LANE, CONTACT_LANE
from app.live.position import Position
from tests.unit.live.told import nowhere


def test_what_is_written_out_is_read_back() -> None:
    position = nowhere()
    position.advance(0, 2, 2**40)
    position.advance(3, 0, 7)
    again = Position.parse(position.text.decode())
    assert again is not None
    assert (again.text, again.at(0, 2), again.at(3, 0)) == (position.text, 2**40, 7)


@pytest.mark.parametrize(
    "text", ["", "?", "AAAA", "é", "a", "A" * 20_000, nowhere().text.decode()[:-4]]
)
def test_what_is_none_is_refused(text: str) -> None:
    assert Position.parse(text) is None


def test_it_never_goes_back() -> None:
    position = nowhere()
    assert position.advance(0, 1, 5)
    assert not position.advance(0, 1, 5)
    assert not position.advance(0, 1, 4)
    assert position.at(0, 1) == 5


def test_a_copy_goes_its_own_way() -> None:
    position = nowhere()
    before = position.text
    position.copy().advance(0, 0, 9)
    assert position.text == before


def test_a_lane_is_as_far_as_the_least_and_the_most_of_its_topics() -> None:
    position = nowhere()
    position.advance(0, 1, 5)
    position.advance(1, 1, 3)
    position.advance(3, 0, 8)
    assert (position.lowest(CONTACT_LANE), position.highest(CONTACT_LANE)) == ([0, 0, 0], [0, 5, 0])
    assert position.lowest(ACCOUNT_LANE) == [8, 0, 0]


def test_other_partitions_are_another_place() -> None:
    assert not nowhere().is_like(Position([[0]] * 4))
