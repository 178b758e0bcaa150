"""Decisions to test encoding with."""

from typing import Any

import msgspec

from app.domain.changes import Cause, Change, GuardResult, Signal, Touch, View
from app.domain.topics import CONTACT_LANE_INPUTS
from app.handling.records import Encoder
from app.outbound.encoding import make_encoder

EFFECTIVE_AT = 1_772_442_845_000_000
"""2026-03-02T09:14:05Z"""
DECIDED_AT = EFFECTIVE_AT + 412_000


def encoder(partitions: int = 12) -> Encoder:
    return make_encoder("funnel", CONTACT_LANE_INPUTS, partitions)


VIEW = View(
    stage="opportunity",
    cycle=1,
    organisation="met",
    opportunity="unknown",
    stakeholder="unknown",
    engagement_strong=True,
    qualification_high=True,
    in_pipeline=True,
    has_offer=False,
    temperature="hot",
    fit=50_000,
    engagement=61_300,
    priority=55_650,
    owner_team="sales",
    owner=None,
    is_customer=False,
    account_id=None,
    first_touch=Touch("webinar", "spring"),
    last_touch=Touch("web", None),
)

CHANGE = Change(
    kind="changed",
    seq=3,
    revision=0,
    transition_id="0123456789abcdef0123456789abcdef",
    transition="T3",
    from_stage="prospect",
    to_stage="opportunity",
    cycle=1,
    effective_at=EFFECTIVE_AT,
    late=False,
    cause=Cause("5b1f", "https://shop.example/forms", "demo.requested"),
    guards=(GuardResult("intent_active", True, "demo.requested 0 d ago", "<= 90 d"),),
    evidence=("5b1f",),
    view=VIEW,
    model="b2b-default@1",
    opportunity="became",
)


def change(**changes: Any) -> Change:
    return msgspec.structs.replace(CHANGE, **changes)


SIGNAL = Signal(
    kind="nurture_requested",
    seq=3,
    cycle=1,
    effective_at=EFFECTIVE_AT,
    cause=Cause("timer:prospect_idle", "/funnel", "timer:prospect_idle"),
    view=VIEW,
    model="b2b-default@1",
    key="1/T9/0",
    details={"track": "convince"},
)


def signal(**changes: Any) -> Signal:
    return msgspec.structs.replace(SIGNAL, **changes)
