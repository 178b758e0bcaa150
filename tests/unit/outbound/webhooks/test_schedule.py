"""When a delivery is tried again."""

import pytest

from app.outbound.webhooks.schedule import Schedule
from app.settings import Webhooks

NOW = 1_772_442_845.0  # 2026-03-02T09:14:05Z


def schedule(jitter: float = 0.0) -> Schedule:
    return Schedule([5, 300], jitter, 86_400, uniform=lambda _, most: most)


def test_it_goes_on_to_its_end() -> None:
    assert [schedule().after(attempts) for attempts in (1, 2, 3, 4)] == [5, 300, None, None]


def test_jitter_makes_it_later_never_sooner() -> None:
    assert schedule(0.1).after(2) == pytest.approx(330)


def test_the_usual_one_is_that_of_standard_webhooks() -> None:
    hours = [2, 5, 10, 14, 20, 24]
    assert Webhooks().retry_seconds == (5, 300, 1800, *(3600 * hour for hour in hours))


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Mon, 02 Mar 2026 09:15:05 GMT", 60),
        ("Mon, 02 Mar 2026 09:13:05 GMT", 0),
        ("999999999", 86_400),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_and_bounded(said: str | None, seconds: float | None) -> None:
    assert schedule().told(said, NOW) == seconds
