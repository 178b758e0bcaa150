"""The rows of the funnel's tables: every one has its scenario (test_complete.py counts them)."""

from typing import Final

import pytest

INTERACTIONS: Final = (
    "website.visited",
    "newsletter.signed_up",
    "content.downloaded",
    "form.submitted",
    "social.connected, social.engaged",
    "webinar.attended",
    "email.opened",
    "email.link_clicked",
    "email.replied",
    "phone.call_held",
    "tradeshow.contact_made",
    "social.question_asked",
    "demo.requested",
    "pricing.requested",
    "trial.started",
    "decision_deadline.communicated",
    "campaign.contacted",
    "qualification.recorded",
    "handoff.accepted, handoff.rejected",
    "meeting.held, demo.held",
    "quote.sent",
    "deal.updated",
    "deal.won, deal.lost, deal.reopened",
    "owner.assigned",
    "contact.profiled",
    "customer.renewed",
    "customer.churned",
    "contact.opted_out, contact.opted_in",
    "contact.disqualified",
    "identity.linked, identity.unlinked",
    "account.linked",
    "stage.override",
    "event.retracted",
    "privacy.erasure_requested",
)
GUARDS: Final = (
    "human",
    "identified",
    "two_way_recent",
    "icp",
    "not_blocked",
    "intent_active",
    "triad_ok",
    "committee",
)
TRANSITIONS: Final = (
    "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9, T10", "T11", "T12", "T13", "T14", "T15",
    "T16", "T17", "T18",
)  # fmt: skip
TIMERS: Final = (
    "click_settles",
    "pin_end",
    "qualification_sla",
    "hot_followup, warm_followup",
    "handoff_accept",
    "opp_stale",
    "deadline_near, deadline_grace",
    "trial_ending, quote_expiring",
    "prospect_idle, lead_dormant",
    "lost_cooldown",
    "score_crossing",
    "retention_due",
)
PRESETS: Final = (
    "b2b-default",
    "profile-first",
    "content-led",
    "strict",
    "handoff-at-prospect",
    "two-stage",
    "account-based",
)
ROWS: Final = (
    *(f"4:{name}" for name in INTERACTIONS),
    *(f"5:{name}" for name in GUARDS),
    *(f"6:{name}" for name in TRANSITIONS),
    *(f"7:{name}" for name in TIMERS),
    *(f"preset:{name}" for name in PRESETS),
)


def row(name: str) -> pytest.MarkDecorator:
    """The test is the scenario of this row, and has its name as id."""
    assert name in ROWS, name
    return pytest.mark.parametrize("row", [name])
