"""What the company's own people record: facts, meetings, offers and deals."""

from typing import Any

from app.simulation import company
from app.simulation.journey import DAYS_LATER, SOON, WEEKS_LATER, Days, Journey


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


def sells(j: Journey, *, ends: str) -> None:
    """An offer and a deal that is `won`, `lost` or still `open`."""
    deal, quote = (f"{kind}-{j.rng.getrandbits(32):08x}" for kind in ("deal", "quote"))
    amount = j.rng.randrange(4, 90) * 500
    money = {"amount": amount, "currency": "EUR"}
    assigned(j)
    holds_meeting(j)
    open_deal = {"deal_id": deal, **money, "probability": 0.4}
    open_deal["expected_close"] = j.day_from_now(40)
    j.then(SOON, "deal.updated", company.CRM, open_deal)
    offer = {"quote_id": quote, **money, "valid_until": j.day_from_now(30)}
    j.then(DAYS_LATER, "quote.sent", company.CRM, offer)
    if ends == "won":
        j.then(WEEKS_LATER, "deal.won", company.CRM, {"deal_id": deal, **money})
    elif ends == "lost":
        reason = j.rng.choice(("price", "competitor", "no_decision"))
        j.then(WEEKS_LATER, "deal.lost", company.CRM, {"deal_id": deal, "reason": reason})


def is_spam(j: Journey) -> None:
    """Someone in sales threw it out, by command."""
    j.then(SOON, "contact.disqualified", company.CRM, {"reason": "spam"})


def is_moved_by_hand(j: Journey, stage: str) -> None:
    data = {"to_stage": stage, "reason": "known from before", "actor": "head-of-sales"}
    j.then(SOON, "stage.override", company.CRM, data | {"pin_days": 0})
