"""What one contact does over months: typed steps with believable data, in order of their time."""

import random
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

ADMIN_TYPES: Final = ("contact.disqualified", "stage.override")


class Step(NamedTuple):
    type: str
    time: datetime
    data: dict[str, Any]
    is_automated: bool


# How often each interaction comes up for a kind of contact.
KINDS: Final[dict[str, dict[str, int]]] = {
    "reader": {
        "website.visited": 8,
        "newsletter.signed_up": 2,
        "content.downloaded": 2,
        "email.opened": 4,
        "social.engaged": 1,
        "webinar.attended": 1,
        "campaign.contacted": 1,
        "email.link_clicked": 1,
    },
    "talker": {
        "website.visited": 3,
        "newsletter.signed_up": 2,
        "form.submitted": 1,
        "email.replied": 2,
        "phone.call_held": 2,
        "tradeshow.contact_made": 2,
        "social.question_asked": 1,
        "social.connected": 1,
        "qualification.recorded": 2,
        "demo.requested": 1,
    },
    "buyer": {
        "newsletter.signed_up": 1,
        "email.replied": 2,
        "demo.requested": 2,
        "pricing.requested": 2,
        "trial.started": 1,
        "decision_deadline.communicated": 1,
        "qualification.recorded": 2,
        "meeting.held": 1,
        "quote.sent": 1,
        "deal.updated": 2,
        "deal.won": 1,
        "deal.lost": 2,
        "deal.reopened": 1,
    },
    "troubled": {
        "newsletter.signed_up": 2,
        "email.replied": 2,
        "demo.requested": 2,
        "qualification.recorded": 6,
        "contact.disqualified": 1,
        "stage.override": 1,
        "contact.opted_out": 1,
        "contact.opted_in": 1,
        "deal.won": 1,
    },
}
CRITERIA: Final = ("industry", "need", "can_use", "wants", "budget", "pain", "interest", "fit")
STAGES: Final = ("lead", "prospect", "opportunity", "customer", "lost", "disqualified")


def journey(rng: random.Random, length: int, now: datetime) -> list[Step]:
    """`length` steps, oldest first; a few at the very same moment as the one before."""
    (kind,) = rng.choices(list(KINDS), weights=[40, 25, 22, 13])
    types, weights = list(KINDS[kind]), list(KINDS[kind].values())
    moment = now - timedelta(days=rng.uniform(20, 330))
    mean_gap_days = rng.choice([0.02, 1, 5, 25])
    steps: list[Step] = []
    for _ in range(length):
        if rng.random() >= 0.05:
            moment += timedelta(days=rng.expovariate(1 / mean_gap_days))
        moment = min(moment, now - timedelta(minutes=10))
        (name,) = rng.choices(types, weights=weights)
        is_automated = rng.random() < 0.03
        steps.append(Step(name, moment, _data(rng, name, moment), is_automated))
    return steps


def _data(rng: random.Random, name: str, moment: datetime) -> dict[str, Any]:
    number = rng.randrange(3)
    match name:
        case "website.visited":
            kinds = ["blog", "product", "pricing", "docs"]
            return {
                "page_url": "https://www.example/p",
                "session_id": f"s{number}",
                "page_kind": rng.choice(kinds),
            }
        case "newsletter.signed_up":
            mailbox = rng.choice(["ada", "grace", "alan", "info"])
            return {"email": f"{mailbox}@firm.example", "list_id": "news", "consent": True}
        case "content.downloaded":
            return {"content_id": f"paper-{number}", "content_type": "whitepaper"}
        case "form.submitted":
            return {"form_id": "contact", "fields": {"topic": "hello"}}
        case "social.connected":
            return {"network": "linkedin", "handle": "someone"}
        case "social.engaged":
            return {"network": "linkedin", "handle": "someone", "kind": "like"}
        case "webinar.attended":
            return {"webinar_id": f"w{number}", "minutes": rng.randrange(5, 60)}
        case "campaign.contacted":
            return {"campaign_id": "spring", "channel": "email"}
        case "email.replied":
            return {"message_id": f"m{number}", "is_auto_reply": rng.random() < 0.2}
        case "email.opened":
            return {"message_id": f"m{number}"}
        case "email.link_clicked":
            return {"message_id": f"m{number}", "url": "https://www.example/offer"}
        case "phone.call_held":
            return {
                "direction": rng.choice(["inbound", "outbound"]),
                "duration_s": rng.randrange(600),
                "outcome": rng.choice(["connected", "no_answer", "voicemail"]),
            }
        case "tradeshow.contact_made":
            return {"show_id": "expo", "rep_id": "r1", "conversation": rng.random() < 0.6}
        case "social.question_asked":
            return {"network": "linkedin", "product_id": "analytics"}
        case "contact.opted_out" | "contact.opted_in":
            return {"scope": rng.choice(["processing", "marketing"])}
        case "contact.disqualified":
            return {"reason": "spam"}
        case "stage.override":
            return {
                "to_stage": rng.choice(STAGES),
                "reason": "cleaned up",
                "actor": "u1",
                "pin_days": 0,
            }
        case "qualification.recorded":
            return _fact(rng, moment)
    return _sales_data(rng, name, moment)


def _sales_data(rng: random.Random, name: str, moment: datetime) -> dict[str, Any]:
    deal = f"d{rng.randrange(2)}"
    later = (moment + timedelta(days=rng.randrange(5, 120))).date().isoformat()
    match name:
        case "meeting.held" | "demo.requested" | "pricing.requested":
            return {"product_id": "analytics", "with": "r1"}
        case "trial.started":
            return {"product_id": "analytics", "trial_end": later}
        case "decision_deadline.communicated":
            days = rng.choice([-20, 20, 60, 200])
            deadline = (moment + timedelta(days=days)).date().isoformat()
            return {"deadline": deadline, "stated_by": "them"}
        case "quote.sent":
            return {"quote_id": "q1", "amount": 1200, "currency": "EUR", "valid_until": later}
        case "deal.lost":
            return {"deal_id": deal, "reason": rng.choice(["price", "competitor"])}
        case "deal.won":
            return {"deal_id": deal, "amount": 1200, "currency": "EUR"}
    return {"deal_id": deal}


def _fact(rng: random.Random, moment: datetime) -> dict[str, Any]:
    fact: dict[str, Any] = {"criterion": rng.choice(CRITERIA)}
    fact["value"] = rng.choice(["met", "met", "met", "not_met", "unknown"])
    if rng.random() < 0.1:
        fact |= {"criterion": "authority"}
        fact["value"] = rng.choice(["decision_maker", "influencer", "none"])
    if rng.random() < 0.15:
        until = moment + timedelta(days=rng.randrange(2, 60))
        fact["valid_until"] = until.date().isoformat()
    return fact
