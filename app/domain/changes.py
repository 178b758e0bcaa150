"""What a decision says happened: the closed sum the later layers turn into rows and records."""

from enum import StrEnum
from typing import Any, Literal

import msgspec

from app.domain.interaction import Microseconds


class Verdict(StrEnum):
    """What became of one interaction."""

    APPLIED = "applied"
    LATE = "late"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"


class GuardResult(msgspec.Struct, frozen=True, gc=False, cache_hash=True):
    """Hashed often: what is encoded of the few combinations that come up is kept (`cache_hash`)."""

    guard: str
    passed: bool
    observed: str
    required: str


class Touch(msgspec.Struct, frozen=True, gc=False):
    channel: str | None
    campaign_id: str | None


class Cause(msgspec.Struct, frozen=True, gc=False):
    """The interaction (or ``timer:<name>`` from ``/funnel``) a transition is due to."""

    event_id: str
    source: str
    type: str
    inferred: bool = False
    actor: str | None = None


class View(msgspec.Struct, frozen=True, gc=False):
    """The contact as others see it at one moment. Scores are integer thousandths."""

    stage: str
    cycle: int
    organisation: str
    opportunity: str
    stakeholder: str
    engagement_strong: bool
    qualification_high: bool
    in_pipeline: bool
    has_offer: bool
    temperature: str
    fit: int
    engagement: int
    priority: int
    owner_team: str | None
    owner: str | None
    is_customer: bool
    account_id: str | None
    first_touch: Touch | None
    last_touch: Touch | None
    qualification_needed: bool = False
    """An intent or a stage waits for somebody to find out the contact's industry."""
    linked_to: str | None = None
    """The identity this one is folded under; it has no stage of its own then."""


class Change(msgspec.Struct, frozen=True, gc=False):
    """One record on funnel.stage-changes.v1 and one row of the history."""

    kind: Literal["changed", "revoked", "corrected"]
    seq: int
    """Gapless per contact, from 1."""
    revision: int
    """How often this transition was revoked or corrected before."""
    transition_id: str
    """32 hex digits: hash of (tenant, contact, from, to, cycle, n)."""
    transition: str
    """Its id in the model, for example T3."""
    from_stage: str
    to_stage: str
    cycle: int
    effective_at: Microseconds
    late: bool
    cause: Cause
    guards: tuple[GuardResult, ...]
    evidence: tuple[str, ...]
    view: View
    """As it is after this record; `view.stage` is the stage that holds."""
    model: str
    revokes: str | None = None
    """The transition_id that a revocation takes back."""
    traceparent: str | None = None
    opportunity: Literal["became", "closed", "revoked"] | None = None
    """Which record on funnel.opportunities.v1 goes with it."""
    outcome: str | None = None
    """Of closed: won, lost, recycled, disqualified, overridden, erased."""


class Signal(msgspec.Struct, frozen=True, gc=False):
    """One record that tells something else than a stage: on funnel.signals.v1, and the hand-off's
    on funnel.opportunities.v1.
    """

    kind: str
    """handoff_requested, handoff_withdrawn, temperature_changed, sla_breached, nurture_requested,
    nurture_withdrawn, qualification_needed, deadline_near, trial_ending, quote_expiring or
    retention_due."""
    seq: int
    """Of the contact's last stage-change record when this was said."""
    cycle: int
    effective_at: Microseconds
    cause: Cause
    view: View
    model: str
    key: str
    """Tells this one from the contact's others of its kind; the same on every replay."""
    details: dict[str, str] = {}
    """What this kind adds: `from` and `to`, `track`, or `timer` and `due`."""
    transition_id: str | None = None
    """Of a hand-off: the transition it was requested for."""
    transition: str | None = None
    from_stage: str | None = None
    to_stage: str | None = None
    late: bool = False
    traceparent: str | None = None


class Command(msgspec.Struct, frozen=True, gc=False):
    """What a lane tells another contact of the same tenant, through the commands topic."""

    contact_id: str
    type: str
    id: str
    time: Microseconds
    data: dict[str, Any]


class ContactChange(msgspec.Struct, frozen=True, gc=False):
    """The stored form of a contact after a batch: what one MERGE row needs.

    The new log is ``log_head || substr(log, 1, log_keep) || log_tail``.
    """

    tenant: str
    contact_id: str
    expected_version: int
    """The version the row must have now; 0: there must be no row. It becomes this + 1."""
    stage: str
    seq: int
    check_at: Microseconds | None
    state: bytes
    log_head: bytes
    log_keep: int
    log_tail: bytes


class SealedChunk(msgspec.Struct, frozen=True, gc=False):
    """Old evidence moved out of the contact row; `chunk` counts from 0. Same number: replaced."""

    tenant: str
    contact_id: str
    chunk: int
    body: bytes
