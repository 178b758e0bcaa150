"""The lives that are written down go as the demo says, on whatever day it runs."""

import pytest

from app.domain.changes import Signal
from app.domain.contact import Contact
from app.domain.decide import Decision, decide, decide_due
from app.domain.history import transition_id
from app.domain.interaction import Address, Interaction, Microseconds
from app.models import load_rules
from app.simulation import cast
from app.simulation.cast import LIVES, at_the_desk, lives
from app.simulation.deliveries import delivery_of
from app.simulation.journey import DAY, SECOND, Event
from tests.unit.simulation.decoded import decoded

RULES = load_rules("b2b-default@1")
SUNDAY = 1_789_862_400 * SECOND
WEEK = [SUNDAY + day * DAY + day * 3_600 * SECOND for day in range(7)]
"""A moment on each of its days."""
BOUGHT = ["lead", "prospect", "opportunity"]
PATHS: dict[str, list[str]] = {
    cast.USER: BOUGHT,
    cast.CHIEF: ["lead", "prospect"],
    cast.FIRST: BOUGHT,
    cast.COLLEAGUE: ["lead", "prospect"],
    cast.TAKEN_BACK: BOUGHT,
    cast.NO_BUDGET: ["lead", "prospect"],
    cast.STALE: [*BOUGHT, "recycled"],
    cast.CAME_BACK: [*BOUGHT, "lost", "opportunity"],
    cast.CUSTOMER: [*BOUGHT, "customer", "opportunity"],
    cast.REJECTED: [*BOUGHT, "recycled"],
    cast.WITHDRAWN: [*BOUGHT, "disqualified"],
    cast.VISITOR: ["lead", "prospect"],
    cast.FORM: ["lead", "prospect"],
    cast.FORGOTTEN: ["lead", "prospect"],
}


class Town:
    """The contacts, as the lane would keep them: their links go from one to the other."""

    def __init__(self, now: Microseconds) -> None:
        self.now = now
        self.contacts: dict[str, Contact] = {}
        self.paths: dict[str, list[str]] = {}
        self.signals: dict[str, list[Signal]] = {}
        self._told = 0

    def hear(self, event: Event) -> None:
        found = decoded(delivery_of(event), self.now)
        assert isinstance(found, Interaction), found
        self._decide(found)

    def wait(self) -> None:
        for key, contact in self.contacts.items():
            self._note(key, decide_due(contact, RULES, self.now))

    def _decide(self, one: Interaction) -> None:
        self._told += 1
        contact = self.contacts.setdefault(one.contact_id, Contact.new("default", one.contact_id))
        decision = decide(contact, one, Address(1, self._told), RULES, self.now)
        self._note(one.contact_id, decision)
        for each in decision.commands:
            arrived_at = self.now
            self._decide(
                Interaction(
                    "default", each.contact_id, "/funnel", each.id, each.type, each.time,
                    arrived_at, each.data,
                )
            )  # fmt: skip

    def _note(self, key: str, decision: Decision) -> None:
        path = self.paths.setdefault(key, [])
        for change in decision.changes:
            if change.kind == "changed":
                path.append(change.to_stage)
        self.signals.setdefault(key, []).extend(decision.signals)

    def kinds(self, key: str) -> list[str]:
        return [signal.kind for signal in self.signals[key]]


def lived(now: Microseconds) -> Town:
    town = Town(now)
    for event in lives(1, now):
        town.hear(event)
    town.wait()
    return town


TOWNS = [lived(now) for now in WEEK]


@pytest.mark.parametrize("town", TOWNS, ids=range(7))
@pytest.mark.parametrize("key", PATHS)
def test_a_life_goes_its_way(town: Town, key: str) -> None:
    assert town.paths[key] == PATHS[key]


def test_every_life_has_its_way() -> None:
    assert {life.key for life in LIVES} == set(PATHS)


@pytest.mark.parametrize("town", TOWNS, ids=range(7))
@pytest.mark.parametrize(
    ("key", "is_withdrawn"),
    [(cast.USER, False), (cast.REJECTED, False), (cast.WITHDRAWN, True)],
)
def test_a_handoff_is_asked_for(town: Town, key: str, is_withdrawn: bool) -> None:
    assert "handoff_requested" in town.kinds(key)
    assert ("handoff_withdrawn" in town.kinds(key)) == is_withdrawn


def test_an_answer_names_the_handoff() -> None:
    answers = [e for e in lives(1, SUNDAY) if e.type.startswith("handoff.")]
    move = ("prospect", "opportunity", 1, 0)
    assert answers
    assert all(
        e.data["transition_id"] == transition_id("default", e.subject, move) for e in answers
    )


@pytest.mark.parametrize("key", [cast.STALE, cast.CAME_BACK, cast.CUSTOMER])
def test_what_a_timer_or_a_new_cycle_does_stays(key: str) -> None:
    for town in TOWNS:
        assert town.contacts[key].stage == PATHS[key][-1]


def test_a_form_takes_over_the_visits() -> None:
    for town in TOWNS:
        assert town.contacts[cast.VISITOR].book.primary == cast.FORM
        assert town.contacts[cast.FORM].stage == "prospect"


@pytest.mark.parametrize("now", WEEK, ids=range(7))
def test_a_retraction_takes_the_opportunity_back(now: Microseconds) -> None:
    town, past = lived(now), lives(1, now)
    (retraction,) = [e for e in at_the_desk(past, 1, now) if e.type == "event.retracted"]
    town.hear(retraction)
    assert town.contacts[cast.TAKEN_BACK].stage == "prospect"
    assert "handoff_withdrawn" in town.kinds(cast.TAKEN_BACK)


def test_at_the_desk_somebody_is_forgotten() -> None:
    desk = at_the_desk(lives(1, SUNDAY), 1, SUNDAY)
    assert [(e.subject, e.type) for e in desk if e.subject == cast.FORGOTTEN] == [
        (cast.FORGOTTEN, "privacy.erasure_requested")
    ]


def test_nothing_is_written_down_of_tomorrow() -> None:
    for now in WEEK:
        assert max(event.time for event in lives(1, now)) <= now
