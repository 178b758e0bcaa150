"""A few people whose lives are written down, so that a demo can show each thing on someone.

Everybody else is made up by chance; these are spared duplicates, delays and imports.
"""

from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

import msgspec

from app.domain.interaction import Microseconds
from app.simulation import sales, steps
from app.simulation.company import Person
from app.simulation.journey import Diary, Event, Journey

USER, CHIEF = "crm-1001", "crm-1002"
FIRST, COLLEAGUE = "crm-1003", "crm-1004"
TAKEN_BACK, NO_BUDGET, STALE, CAME_BACK = "crm-1005", "crm-1006", "crm-1007", "crm-1008"
CUSTOMER, REJECTED, WITHDRAWN = "crm-1009", "crm-1010", "crm-1011"
FORM, VISITOR, FORGOTTEN = "crm-1012", "web-5c1e90d2", "crm-1013"

COMMITTEE: Final = "petri-glass.example"
"""Its buying committee is complete; the other one's is not."""
INCOMPLETE: Final = "ohlsen-marine.example"

DaysAgo = float
Step = tuple[DaysAgo, Callable[[Journey], None]]


class Life(msgspec.Struct, frozen=True):
    key: str
    name: str
    firm: str
    steps: tuple[Step, ...]


def _fact(criterion: str, value: str) -> Callable[[Journey], None]:
    return partial(sales.records, criterion=criterion, value=value)


LIVES: Final = (
    Life(USER, "Greta Petri", COMMITTEE, (
        (40, steps.signs_up), (33, steps.replies), (32, _fact("industry", "met")),
        (31, _fact("need", "met")), (3, steps.wants_demo), (2, sales.accepts),
        (1.9, sales.assigned), (1, sales.holds_meeting),
    )),
    Life(CHIEF, "Hugo Lorenz", COMMITTEE, (
        (25, steps.meets_at_show), (24, sales.profiles), (23, _fact("authority", "decision_maker")),
    )),
    Life(FIRST, "Ines Ohlsen", INCOMPLETE, (
        (28, steps.signs_up), (20, steps.asks), (4, steps.wants_prices), (3, sales.accepts),
    )),
    Life(COLLEAGUE, "Milan Rust", INCOMPLETE, (
        (19, steps.signs_up), (12, steps.replies), (11, _fact("authority", "influencer")),
    )),
    Life(TAKEN_BACK, "Clara Falk", "falk-harbour.example", (
        (30, steps.signs_up), (24, steps.downloads), (15, steps.replies),
        (14, _fact("industry", "met")), (2, steps.wants_demo),
    )),
    Life(NO_BUDGET, "Oskar Dorn", "dorn-bakery.example", (
        (25, steps.signs_up), (18, steps.replies), (17, _fact("need", "met")),
        (10, _fact("budget", "not_met")), (5, steps.opens),
    )),
    Life(STALE, "Nora Krull", "krull-timber.example", (
        (110, steps.signs_up), (100, steps.replies), (75, steps.wants_demo),
        (64, sales.holds_meeting),
    )),
    Life(CAME_BACK, "Sami Brandt", "brandt-cycles.example", (
        (90, steps.signs_up), (80, steps.asks), (60, steps.wants_prices),
        (55, partial(sales.offers, deal="deal-1008")),
        (12, partial(sales.loses, deal="deal-1008", reason="no_decision")), (3, steps.wants_demo),
    )),
    Life(CUSTOMER, "Rosa Nagel", "nagel-seeds.example", (
        (120, steps.signs_up), (110, steps.replies), (100, steps.wants_demo),
        (95, partial(sales.offers, deal="deal-1009")),
        (70, partial(sales.wins, deal="deal-1009")), (2, steps.wants_prices),
    )),
    Life(REJECTED, "Finn Ivers", "ivers-games.example", (
        (8, steps.signs_up), (6, steps.asks), (5, steps.wants_demo), (4, sales.rejects),
    )),
    Life(WITHDRAWN, "Paula Harms", "harms-college.example", (
        (12, steps.signs_up), (9, steps.replies), (5, steps.wants_prices),
        (2, _fact("industry", "not_met")),
    )),
    Life(VISITOR, "", "", (
        (6, partial(steps.visits, kind="product")), (4, partial(steps.visits, kind="pricing")),
        (3, partial(steps.visits, kind="docs")),
    )),
    Life(FORM, "Tilda Cordes", "cordes-press.example", (
        (1, partial(steps.fills_form, visitor=VISITOR)),
    )),
    Life(FORGOTTEN, "Jonas Menzel", "menzel-rooms.example", (
        (20, steps.signs_up), (12, steps.replies),
    )),
)  # fmt: skip


def lives(seed: int, now: Microseconds) -> list[Event]:
    """What each of them did up to `now`, life by life."""
    rng = Random(f"cast {seed}")  # noqa: S311 - a simulation
    return [event for life in LIVES for event in _lived(life, rng, now)]


def at_the_desk(past: list[Event], seed: int, now: Microseconds) -> list[Event]:
    """What the company's own people put right today, once all of that has been handled."""
    rng = Random(f"desk {seed}")  # noqa: S311 - a simulation
    booked = next(
        event for event in past if event.subject == TAKEN_BACK and event.type == "demo.requested"
    )
    taken, forgotten = (_diary(_life_of(key), rng, now) for key in (TAKEN_BACK, FORGOTTEN))
    sales.retracts(taken, booked, "a colleague's test booking")
    sales.forgets(forgotten)
    return taken.events + forgotten.events


def _lived(life: Life, rng: Random, now: Microseconds) -> list[Event]:
    diary = _diary(life, rng, now)
    for days_ago, step in life.steps:
        diary.turn_to(days_ago)
        step(diary)
    return diary.events


def _diary(life: Life, rng: Random, now: Microseconds) -> Diary:
    address = f"{life.name.lower().replace(' ', '.')}@{life.firm}"
    firm = life.firm.removesuffix(".example").replace("-", " ").title()
    return Diary(Person(life.key, life.name, address, firm, size=120), rng, now)


def _life_of(key: str) -> Life:
    return next(life for life in LIVES if life.key == key)
