"""The stall guard, with a clock of its own."""

from app.handling.stall import StallGuard


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def guarded() -> tuple[StallGuard, Clock]:
    clock = Clock()
    return StallGuard(3.0, clock), clock


def test_a_loop_that_turns_is_not_stalled() -> None:
    guard, clock = guarded()
    for _ in range(100):
        clock.now += 2.9
        guard.note()
    assert not guard.was_stalled()


def test_a_gap_is_seen_at_once_by_whoever_asks_first() -> None:
    guard, clock = guarded()
    clock.now += 3.1
    assert guard.was_stalled()


def test_a_gap_is_not_forgotten_because_the_loop_turns_again() -> None:
    guard, clock = guarded()
    clock.now += 3.1
    guard.note()
    clock.now += 0.1
    guard.note()
    assert guard.was_stalled()


def test_it_forgets_when_told_to_and_sees_the_next() -> None:
    guard, clock = guarded()
    clock.now += 60
    guard.forget()
    assert not guard.was_stalled()
    clock.now += 3.1
    assert guard.was_stalled()
