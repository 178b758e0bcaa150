"""What each interaction type means to the oracle: its classes, who is human, who is a person."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

DAY: Final = 86_400_000_000
INBOUND: Final = frozenset({"one_way", "two_way", "intent"})
CONSENT_TYPES: Final = ("contact.opted_out", "contact.opted_in")
ROLE_MAILBOXES: Final = frozenset({"info", "sales"})

CLASSES: Final[dict[str, frozenset[str]]] = {
    name: frozenset(classes.split())
    for name, classes in {
        "newsletter.signed_up": "one_way",
        "content.downloaded": "one_way",
        "form.submitted": "one_way",
        "social.connected": "one_way",
        "social.engaged": "one_way",
        "webinar.attended": "one_way",
        "email.opened": "",
        "email.link_clicked": "two_way",
        "email.replied": "two_way",
        "social.question_asked": "two_way",
        "demo.requested": "intent",
        "pricing.requested": "intent",
        "trial.started": "intent",
        "campaign.contacted": "outbound",
        "qualification.recorded": "fact",
        "handoff.accepted": "sales",
        "handoff.rejected": "sales",
        "meeting.held": "sales two_way",
        "demo.held": "sales two_way",
        "quote.sent": "sales",
        "deal.updated": "sales",
        "deal.won": "sales",
        "deal.lost": "sales",
        "deal.reopened": "sales",
        "owner.assigned": "sales",
        "contact.profiled": "profile",
        "customer.renewed": "sales",
        "customer.churned": "sales",
        "contact.opted_out": "consent",
        "contact.opted_in": "consent",
        "contact.disqualified": "admin",
        "stage.override": "admin",
    }.items()
}
DECIDED_BY_DATA: Final = (
    "website.visited",
    "phone.call_held",
    "tradeshow.contact_made",
    "decision_deadline.communicated",
)
TELLING_PAGES: Final = ("product", "pricing", "docs")


def instant_of(text: str) -> int:
    """Microseconds of an RFC 3339 time; a date without a time means its end, in UTC."""
    if len(text) == 10:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1)
    else:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def meaning_of(
    kind: str, data: dict[str, Any], time: int, is_later_day: bool
) -> tuple[frozenset[str], bool]:
    """(classes, weak). `is_later_day`: than the first human inbound interaction."""
    match kind:
        case "website.visited":
            if is_later_day and data.get("page_kind") in TELLING_PAGES:
                return frozenset({"two_way"}), True
            return frozenset({"one_way"}), False
        case "phone.call_held":
            is_talk = data["outcome"] == "connected"
            return frozenset({"two_way"}) if is_talk else frozenset(), False
        case "tradeshow.contact_made":
            return frozenset({"two_way" if data["conversation"] else "one_way"}), False
        case "decision_deadline.communicated":
            is_ahead = instant_of(data["deadline"]) > time
            return frozenset({"intent" if is_ahead else "two_way"}), False
    return CLASSES[kind], kind == "email.link_clicked"


def is_human(kind: str, data: dict[str, Any], automated: bool) -> bool:
    return not automated and not (kind == "email.replied" and data["is_auto_reply"])


def is_identified(contact_id: str, data: dict[str, Any]) -> bool:
    addresses = [contact_id, *_strings_with_at(data)]
    return not any(
        "@" in one and one.partition("@")[0].lower() in ROLE_MAILBOXES for one in addresses
    )


def _strings_with_at(value: Any) -> list[str]:
    match value:
        case str() if "@" in value:
            return [value]
        case dict():
            return [found for part in value.values() for found in _strings_with_at(part)]
        case list():
            return [found for part in value for found in _strings_with_at(part)]
    return []
