"""A contact's place in lists: the order of work, and when a row is worth writing again."""

from typing import Any

import pytest

from app.domain.book import Book
from app.domain.contact import Contact
from app.domain.decide import decide, view
from app.domain.interaction import Address, Interaction
from app.domain.listing import facet_of, listing_of, marks_of, unlike, work_order
from app.domain.state import Deal, Fact, State
from app.models import load_rules

RULES = load_rules("b2b-default@1")
AT = 1_790_000_000_000_000
SECOND = 1_000_000


def order(temperature: str, due: int | None, priority: int = 0, key: str = "c") -> int:
    return work_order(temperature, due, priority, key)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (order("warm", AT), order("hot", AT + SECOND, 100_000)),
        (order("hot", AT, 50_000), order("hot", AT, 20_000)),
        (order("warm", AT + 10**15), order("hot", None, 100_000)),
        (order("hot", None, 50_000), order("warm", None, 20_000)),
        (order("warm", None, 0), order("cold", None, 100_000)),
        (order("warm", AT + 10**15), order("cold", AT, 100_000)),
        (order("cold", None, 50_000), order("cold", None, 20_000)),
    ],
    ids=["due", "priority of one due", "waiting first", "priority of none", "warm before cold",
         "cold whatever its due", "priority of cold"],
)  # fmt: skip
def test_work_is_ordered_by_due_then_priority_and_every_warm_one_before_any_cold_one(
    first: int, then: int
) -> None:
    assert first < then < 2**62


def test_equal_urgency_is_told_apart_by_the_key() -> None:
    assert len({order("cold", None, 0, f"crm-{n}") for n in range(1_000)}) > 990


@pytest.mark.parametrize(
    "different",
    [("owner", "acme", "jo", "lead", "hot"), ("channel", "default", "jo", "lead", "hot"),
     ("owner", "default", "al", "lead", "hot"), ("owner", "default", "jo", "lost", "hot"),
     ("owner", "default", "jo", "lead", "cold")],
)  # fmt: skip
def test_what_is_asked_for_has_a_number_of_its_own(different: Any) -> None:
    number = facet_of("owner", "default", "jo", "lead", "hot")
    assert number == facet_of("owner", "default", "jo", "lead", "hot")
    assert number != facet_of(*different)
    assert -(2**63) <= number < 2**63


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "lead"}, {"temperature": "warm"}, {"owner": "jo"}, {"linked_account": "a"},
        {"mailed_account": "a"}, {"first_touch": ("web", None)}, {"is_customer": True},
        {"cycle": 2}, {"entered_at": AT}, {"clocks": {"warm_followup": AT}},
        {"open_deals": {"d": Deal(10.0)}}, {"points": {86_400: (25.0, AT)}},
    ],
)  # fmt: skip
def test_what_lists_show_marks_the_contact(change: dict[str, Any]) -> None:
    assert marks_of(Book(State(**change))) != marks_of(Book(State()))
    assert marks_of(Book(State(**change))) == marks_of(Book(State(**change)))


@pytest.mark.parametrize(
    "change",
    [
        {"head_time": AT}, {"last_touch": ("web", None)}, {"clocks": {"handoff_accept": AT}},
        {"points": {86_400: (5.0, AT)}}, {"facts": {"need": Fact("met", AT, "e")}},
    ],
)  # fmt: skip
def test_what_they_do_not_show_leaves_the_row_alone(change: dict[str, Any]) -> None:
    assert marks_of(Book(State(**change))) == marks_of(Book(State()))


def test_a_listing_shows_the_contact_and_its_follow_up() -> None:
    contact = Contact.new("default", "crm-1")
    demo = Interaction(
        "default", "crm-1", "urn:x", "e-1", "demo.requested", AT, AT, {"product_id": "p"},
        channel="web", campaign_id="spring",
    )  # fmt: skip
    decide(contact, demo, Address(1, 0), RULES, AT)
    found = listing_of("crm-1", contact.fold, view(contact, RULES, AT))
    assert (found.stage, found.temperature, found.entered_at) == ("opportunity", "hot", AT)
    assert (found.first_channel, found.first_campaign) == ("web", "spring")
    assert found.follow_up_due == contact.fold.clocks["hot_followup"]
    assert found.work_order < order("hot", None, 100_000)
    later = listing_of("crm-1", contact.fold, view(contact, RULES, AT + 86_400 * SECOND))
    assert later.engagement < found.engagement
    assert unlike(found, later) == []
