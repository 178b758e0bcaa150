"""What waits for a position, across incarnations."""

from app.handling.decider import intents_of
from app.handling.ports import Position
from app.handling.waiting import Waiting, by_batches, by_records
from app.models import load_rules


def at(offset: int, batch: int = 0, partition: int = 3) -> Position:
    return Position(partition, batch, (offset, 7), 0)


def test_the_oldest_is_that_of_what_is_not_reached() -> None:
    waiting = Waiting(by_records)
    seen = []
    for position, since in ((at(10), 500.0), (at(20), 400.0)):
        waiting.add(position, since)
        seen.append(waiting.oldest())
    for position in (at(9), at(10), at(25)):
        waiting.reached(position)
        seen.append(waiting.oldest())
    assert seen == [500.0, 400.0, 400.0, 400.0, None]


def test_what_an_incarnation_left_is_waited_for_since_it_was_first_read() -> None:
    """The next one cuts the same records into smaller batches."""
    waiting = Waiting(by_records)
    waiting.add(at(20, batch=6), 100.0)
    waiting.add(at(12, batch=6), 300.0)
    waiting.add(at(20, batch=7), 300.0)
    assert (len(waiting), waiting.oldest()) == (1, 100.0)
    waiting.reached(at(12, batch=6))
    assert waiting.oldest() == 100.0
    waiting.reached(at(20, batch=7))
    assert waiting.oldest() is None


def test_a_lane_that_fails_for_hours_notes_no_more_for_it() -> None:
    waiting = Waiting(by_records)
    for hour in range(100):
        waiting.add(at(10), float(hour))
        waiting.add(at(20), float(hour))
    assert (len(waiting), waiting.oldest()) == (2, 0.0)


def test_batches_of_timers_move_no_offset() -> None:
    waiting = Waiting(by_batches)
    for batch in (4, 5):
        waiting.add(at(10, batch), float(batch))
    waiting.reached(at(10, 4))
    assert (len(waiting), waiting.oldest()) == (1, 5.0)


def test_what_went_elsewhere_waits_there() -> None:
    waiting = Waiting(by_records)
    waiting.add(at(10, partition=1), 100.0)
    waiting.add(at(10, partition=2), 200.0)
    waiting.keep({2, 3})
    assert waiting.oldest() == 200.0


def test_intents_are_what_the_model_says() -> None:
    intents = intents_of(load_rules("b2b-default@1"))
    assert {"demo.requested", "pricing.requested"} <= intents
    assert "newsletter.signed_up" not in intents
