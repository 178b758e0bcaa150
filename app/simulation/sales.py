"""What the company's own people record: facts, meetings, offers and deals."""

from random import Random
from typing import Any, Final

from app.domain.history import transition_id
from app.domain.routing import DEFAULT_TENANT
from app.simulation import company
from app.simulation.journey import DAYS_LATER, SOON, WEEKS_LATER, Days, Event, Journey

FIRST_HANDOFF: Final = ("prospect", "opportunity", 1, 0)
"""The move it is requested for: the first such one of the first cycle."""


def records(j: Journey, criterion: str, value: Any, after: Days = SOON) -> None:
    data = {"criterion": criterion, "value": value, "actor": "sdr-3", "confidence": 0.8}
    j.then(after, "qualification.recorded", company.CRM, data)


def profiles(j: Journey, after: Days = SOON) -> None:
    person = j.person
    data = {"name": person.name, "company": person.company, "email": person.email}
    j.then(after, "contact.profiled", company.CRM, data)


def qualifies(j: Journey) -> None:
    """Everything known and in order."""
    records(j, "industry", "met")
    records(j, "need", "met")
    records(j, "authority", j.rng.choice(("decision_maker", "influencer")))
    records(j, "company_size", j.person.size)
    if j.rng.random() < 0.6:
        records(j, "budget", "met")
    if j.rng.random() < 0.5:
        records(j, "pain", "met")


def assigned(j: Journey) -> None:
    j.then(SOON, "owner.assigned", company.CRM, {"user": j.rng.choice(("eva", "tom", "ida"))})


def holds_meeting(j: Journey, after: Days = DAYS_LATER) -> None:
    data = {"with": "sales", "product_id": j.rng.choice(company.PRODUCTS)}
    j.then(after, j.rng.choice(("meeting.held", "demo.held")), company.CRM, data)


def accepts(j: Journey, after: Days = SOON) -> None:
    """Sales takes the hand-off."""
    j.then(after, "handoff.accepted", company.CRM, _answer(j))


def rejects(j: Journey, after: Days = SOON) -> None:
    """Sales sends it back."""
    j.then(after, "handoff.rejected", company.CRM, _answer(j) | {"reason": "student project"})


def _answer(j: Journey) -> dict[str, Any]:
    handoff = transition_id(DEFAULT_TENANT, j.person.key, FIRST_HANDOFF)
    return {"transition_id": handoff, "actor": j.rng.choice(("eva", "tom", "ida"))}


def sells(j: Journey, *, ends: str) -> None:
    """An offer and a deal that is `won`, `lost` or still `open`."""
    deal = f"deal-{j.rng.getrandbits(32):08x}"
    accepts(j)
    assigned(j)
    holds_meeting(j)
    offers(j, deal)
    if ends == "won":
        wins(j, deal, WEEKS_LATER)
    elif ends == "lost":
        loses(j, deal, j.rng.choice(("price", "competitor", "no_decision")), WEEKS_LATER)


def offers(j: Journey, deal: str) -> None:
    """Opens a deal, and sends a quote that is good for a month."""
    money = _price_of(deal)
    open_deal = {"deal_id": deal, **money, "probability": 0.4}
    open_deal["expected_close"] = j.day_from_now(40)
    j.then(SOON, "deal.updated", company.CRM, open_deal)
    quote = {"quote_id": deal.replace("deal", "quote"), **money, "valid_until": j.day_from_now(30)}
    j.then(DAYS_LATER, "quote.sent", company.CRM, quote)


def wins(j: Journey, deal: str, after: Days = SOON) -> None:
    j.then(after, "deal.won", company.CRM, {"deal_id": deal, **_price_of(deal)})


def loses(j: Journey, deal: str, reason: str, after: Days = SOON) -> None:
    j.then(after, "deal.lost", company.CRM, {"deal_id": deal, "reason": reason})


def _price_of(deal: str) -> dict[str, Any]:
    """The same whenever the deal is spoken of."""
    return {"amount": Random(deal).randrange(4, 90) * 500, "currency": "EUR"}  # noqa: S311


def is_spam(j: Journey) -> None:
    """Someone in sales threw it out, by command."""
    j.then(SOON, "contact.disqualified", company.CRM, {"reason": "spam"})


def is_moved_by_hand(j: Journey, stage: str) -> None:
    data = {"to_stage": stage, "reason": "known from before", "actor": "head-of-sales"}
    j.then(SOON, "stage.override", company.CRM, data | {"pin_days": 0})


def retracts(j: Journey, event: Event, reason: str) -> None:
    """Someone found that it never was what it says."""
    data = {"event_id": event.id, "event_source": event.source, "reason": reason}
    j.then(SOON, "event.retracted", company.CRM, data | {"actor": "sdr-3"})


def forgets(j: Journey) -> None:
    """The person asked for it."""
    request = f"privacy-{j.rng.getrandbits(32):08x}"
    j.then(SOON, "privacy.erasure_requested", company.CRM, {"request_id": request})
