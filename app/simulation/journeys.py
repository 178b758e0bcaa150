"""Believable ways through the funnel, and how often each is taken."""

from collections.abc import Callable
from random import Random
from typing import Final

from app.domain.interaction import Microseconds
from app.simulation import sales, steps
from app.simulation.company import Person
from app.simulation.journey import DAY, WEEKS_LATER, Event, Journey

MONTHS_DAYS: Final = 160
"""How far back the first journeys begin."""


def reader(j: Journey) -> None:
    """Reads and never talks: stays a lead."""
    steps.signs_up(j)
    for _ in range(j.rng.randrange(1, 6)):
        j.rng.choice((steps.opens, steps.visits, steps.downloads, steps.likes))(j, (2.0, 20.0))


def passer_by(j: Journey) -> None:
    """Came once."""
    j.rng.choice((steps.visits, steps.follows, steps.downloads, steps.fills_form))(j)
    if j.rng.random() < 0.06:
        sales.is_spam(j)


def silent_target(j: Journey) -> None:
    """Written to, opens, an autoresponder answers: no lead."""
    steps.is_mailed(j)
    steps.opens(j)
    steps.replies(j, by_itself=True)
    steps.is_called(j, outcome=j.rng.choice(("no_answer", "voicemail")))


def correspondent(j: Journey) -> None:
    """Signs up, reads, then answers: a prospect."""
    steps.signs_up(j)
    steps.downloads(j)
    steps.clicks(j)
    j.rng.choice((steps.replies, steps.asks, steps.is_called))(j, WEEKS_LATER)
    if j.rng.random() < 0.5:
        sales.records(j, "industry", "met")
    steps.opens(j)


def booth_talk(j: Journey) -> None:
    """Met at a trade show: a prospect where they talked, else a lead."""
    steps.meets_at_show(j, talks=j.rng.random() < 0.75)
    sales.profiles(j)
    steps.opens(j)
    if j.rng.random() < 0.4:
        steps.attends(j)
    if j.rng.random() < 0.03:
        sales.is_moved_by_hand(j, "prospect")


def buyer(j: Journey) -> None:
    """From the first newsletter to a request, and a deal that is won, lost or still open."""
    steps.signs_up(j)
    steps.visits(j, kind="product")
    j.rng.choice((steps.replies, steps.meets_at_show, steps.asks))(j)
    sales.qualifies(j)
    j.rng.choice((steps.wants_demo, steps.wants_prices))(j, WEEKS_LATER)
    if j.rng.random() < 0.3:
        steps.states_deadline(j)
    ends = j.rng.choice(("won", "won", "lost", "open", "open"))
    sales.sells(j, ends=ends)
    if ends != "open" and j.rng.random() < 0.3:
        comes_back(j)


def comes_back(j: Journey) -> None:
    """A customer wants more, or who said no thinks again."""
    steps.opens(j)
    j.rng.choice((steps.wants_demo, steps.wants_prices))(j, WEEKS_LATER)


def hurried_buyer(j: Journey) -> None:
    """Asks for a demo, a price or a trial in the very first contact."""
    j.rng.choice((steps.wants_demo, steps.wants_prices, steps.tries))(j)
    sales.records(j, "industry", "met")
    steps.is_called(j)
    if j.rng.random() < 0.2:
        sales.rejects(j)
        return
    sales.sells(j, ends=j.rng.choice(("won", "lost", "open", "open")))


def asker(j: Journey) -> None:
    """Wants prices; sales has not come to it yet."""
    steps.attends(j)
    steps.clicks(j)
    steps.replies(j)
    sales.records(j, "need", "met")
    steps.wants_prices(j, WEEKS_LATER)


def wrong_sector(j: Journey) -> None:
    """Interested, but not a company this one can serve: disqualified, sometimes by mistake."""
    steps.signs_up(j)
    steps.replies(j)
    sales.records(j, "industry", "not_met", WEEKS_LATER)
    steps.wants_prices(j)
    if j.rng.random() < 0.3:
        sales.records(j, "industry", "met", WEEKS_LATER)


def no_budget(j: Journey) -> None:
    """Wants it and can't pay for it: stays where it is."""
    steps.downloads(j)
    steps.is_called(j)
    sales.records(j, "budget", "not_met")
    steps.wants_demo(j)


def machine(j: Journey) -> None:
    """A scanner and a crawler: nothing of this is a person's interest."""
    for _ in range(j.rng.randrange(3, 9)):
        j.rng.choice((steps.visits, steps.clicks, steps.opens))(j, (0.0, 0.01), automated=True)


WAYS: Final[tuple[tuple[Callable[[Journey], None], int], ...]] = (
    (reader, 22),
    (passer_by, 12),
    (silent_target, 8),
    (correspondent, 15),
    (booth_talk, 11),
    (buyer, 14),
    (hurried_buyer, 5),
    (asker, 5),
    (wrong_sector, 5),
    (no_budget, 2),
    (machine, 3),
)
"""Each with its weight."""


def journey_of(person: Person, rng: Random, start: Microseconds) -> list[Event]:
    """What one person does from `start` on, in the order in which it happens."""
    j = Journey(person, rng, start)
    rng.choices([way for way, _ in WAYS], [weight for _, weight in WAYS])[0](j)
    return j.events


def past_journey_of(person: Person, rng: Random, now: Microseconds) -> list[Event]:
    """One that began within the last months, as far as it has come by `now`."""
    start = now - round(rng.uniform(0.05, MONTHS_DAYS) * DAY)
    return [event for event in journey_of(person, rng, start) if event.time <= now]
