"""Reading again: records of several topics in the order in which the broker got them."""

from app.handling.catching_up import _ready
from app.handling.records import SourceRecord


def record(topic: int, offset: int, at: int) -> SourceRecord:
    return SourceRecord(topic, 0, offset, at, None, None, ())


def test_a_topic_waits_for_the_slower_one() -> None:
    waiting = [[record(0, n, 10 * n) for n in range(5)], [record(1, 0, 15)]]
    ready = _ready(waiting, [False, False])
    assert [(each.topic, each.offset) for each in ready] == [(0, 0), (0, 1), (1, 0)]
    assert [len(each) for each in waiting] == [3, 0]


def test_nothing_is_ready_while_a_topic_has_shown_nothing_yet() -> None:
    assert _ready([[record(0, 0, 1)], []], [False, False]) == []


def test_a_topic_that_was_read_to_its_end_holds_nobody_up() -> None:
    waiting = [[record(0, 0, 1), record(0, 1, 2)], []]
    assert len(_ready(waiting, [False, True])) == 2
    assert waiting == [[], []]


def test_a_topics_own_order_stays_though_its_clock_goes_back() -> None:
    waiting = [[record(0, 0, 9), record(0, 1, 3)], [record(1, 0, 5)]]
    ready = _ready(waiting, [True, True])
    assert [(each.topic, each.offset) for each in ready] == [(1, 0), (0, 0), (0, 1)]
