"""A contact's story for tests: interactions by day, told to the domain one by one."""

from typing import Any

from app.domain.changes import Change, Signal, View
from app.domain.contact import Contact
from app.domain.decide import Decision, decide, decide_due, view
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.rules import Rules
from app.domain.timers import timers_of
from app.domain.timestamps import format_rfc3339
from app.models import load_rules

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
MONDAY = 1_772_409_600_000_000
"""2026-03-02T00:00:00Z"""
B2B = load_rules("b2b-default@1")
PROFILE_FIRST = load_rules("profile-first@1")

WAIT = "wait"
Step = tuple[str, float, dict[str, Any]]

DATA: dict[str, dict[str, Any]] = {
    "website.visited": {"page_url": "https://example.org/p", "session_id": "s"},
    "newsletter.signed_up": {"email": "ada@example.org", "list_id": "l", "consent": True},
    "content.downloaded": {"content_id": "c", "content_type": "report"},
    "form.submitted": {"form_id": "f", "fields": {}},
    "social.connected": {"network": "n", "handle": "h"},
    "social.engaged": {"network": "n", "handle": "h", "kind": "like"},
    "webinar.attended": {"webinar_id": "w", "minutes": 40},
    "email.opened": {"message_id": "m"},
    "email.link_clicked": {"message_id": "m", "url": "https://example.org/l"},
    "email.replied": {"message_id": "m", "is_auto_reply": False},
    "phone.call_held": {"direction": "outbound", "duration_s": 60, "outcome": "connected"},
    "tradeshow.contact_made": {"show_id": "t", "rep_id": "r", "conversation": True},
    "social.question_asked": {"network": "n", "product_id": "p"},
    "demo.requested": {"product_id": "p"},
    "pricing.requested": {"product_id": "p"},
    "trial.started": {"product_id": "p", "trial_end": "2026-03-16"},
    "decision_deadline.communicated": {"deadline": "2026-04-01", "stated_by": "buyer"},
    "campaign.contacted": {"campaign_id": "spring", "channel": "ads"},
    "qualification.recorded": {"criterion": "industry", "value": "met"},
    "handoff.accepted": {"transition_id": "t", "actor": "rep-7"},
    "handoff.rejected": {"transition_id": "t", "actor": "rep-7", "reason": "timing"},
    "meeting.held": {"with": "r", "product_id": "p"},
    "demo.held": {"with": "r", "product_id": "p"},
    "quote.sent": {"quote_id": "q", "amount": 1, "currency": "EUR", "valid_until": "2026-06-01"},
    "deal.updated": {"deal_id": "d"},
    "deal.won": {"deal_id": "d", "amount": 1, "currency": "EUR"},
    "deal.lost": {"deal_id": "d", "reason": "price"},
    "deal.reopened": {"deal_id": "d"},
    "owner.assigned": {"user": "rep-7"},
    "customer.renewed": {"deal_id": "d", "until": "2027-03-01"},
    "customer.churned": {"reason": "price"},
    "contact.opted_out": {"scope": "processing"},
    "contact.opted_in": {"scope": "processing"},
    "contact.disqualified": {"reason": "spam"},
    "stage.override": {"to_stage": "lead", "reason": "mistake", "actor": "rep-7"},
    "account.linked": {"account_id": "acme"},
    "contact.profiled": {"name": "Ada", "company": "Engines"},
}


def moment(day: float) -> Microseconds:
    """That day since MONDAY."""
    return MONDAY + round(day * DAY)


def interaction(
    kind: str,
    day: float = 0,
    event_id: str | None = None,
    source: str = "/a",
    contact_id: str = "crm-1",
    automated: bool = False,
    channel: str | None = None,
    campaign_id: str | None = None,
    after: float = 0,
    backfill: bool = False,
    **data: Any,
) -> Interaction:
    """On that day since MONDAY, arrived so many days `after`; its id ``type@day``.

    The data is the type's usual, with what is given laid over.
    """
    time = moment(day)
    return Interaction(
        "default",
        contact_id,
        source,
        event_id or "@".join(filter(None, (kind, str(day), data.get("criterion")))),
        kind,
        time,
        time + (round(after * DAY) or 1_000),
        {**DATA.get(kind, {}), **data},
        automated,
        backfill,
        channel=channel,
        campaign_id=campaign_id,
    )


class Story:
    """One contact, in memory."""

    def __init__(self, rules: Rules = B2B, contact_id: str = "crm-1") -> None:
        self.rules: Any = rules
        self.contact = Contact.new("default", contact_id)
        self.changes: list[Change] = []
        self.signals: list[Signal] = []
        self.told = 0

    def tell(self, kind: str, day: float = 0, **options: Any) -> Decision:
        options.setdefault("contact_id", self.contact.contact_id)
        return self.hear(interaction(kind, day, **options))

    def hear(self, each: Interaction) -> Decision:
        self.told += 1
        decision = decide(self.contact, each, Address(1, self.told), self.rules, each.time)
        return self._heard(decision)

    def wait(self, day: float) -> Decision:
        """Until that day: the timers that are due by then fire."""
        return self._heard(decide_due(self.contact, self.rules, moment(day)))

    def play(self, *steps: Step) -> "Story":
        """Several at once; the step ``wait`` lets time pass."""
        for kind, day, options in steps:
            if kind == WAIT:
                self.wait(day)
            else:
                self.tell(kind, day, **options)
        return self

    def _heard(self, decision: Decision) -> Decision:
        self.changes += decision.changes
        self.signals += decision.signals
        return decision

    @property
    def stage(self) -> str:
        return self.contact.stage

    @property
    def moves(self) -> list[str]:
        """Records so far, as ``kind transition to_stage``, a plain change without its kind."""
        return [
            f"{'' if each.kind == 'changed' else each.kind + ' '}{each.transition} {each.to_stage}"
            for each in self.changes
        ]

    @property
    def said(self) -> list[str]:
        """Signals so far, as ``kind details``; those of a breach without the due."""
        return [" ".join([each.kind, *_details(each)]) for each in self.signals]

    @property
    def opportunities(self) -> list[str]:
        """What readers of opportunities were told: became, revoked, or closed with its outcome."""
        return [
            " ".join(filter(None, (each.opportunity, each.outcome)))
            for each in self.changes
            if each.opportunity
        ]

    def due(self, timer: str) -> str | None:
        """When the timer goes off, as RFC 3339; None: it is not armed."""
        armed = timers_of(self.contact.fold, self.rules)
        return next((format_rfc3339(each.due) for each in armed if each.name == timer), None)

    def view(self, day: float) -> View:
        return view(self.contact, self.rules, moment(day))

    def forget(self) -> "Story":
        """What was told so far; the contact stays as it is."""
        self.changes.clear()
        self.signals.clear()
        return self


def _details(signal: Signal) -> list[str]:
    return [value for name, value in signal.details.items() if name != "due"]


def at_stage(stage: str, rules: Rules = B2B) -> Story:
    """A contact that a person put into the stage on day 0, unpinned, without any evidence."""
    one = Story(rules)
    if stage != "none":
        one.tell("stage.override", 0, to_stage=stage, pin_days=0)
    return one.forget()
