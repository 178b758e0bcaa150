"""What reads answer, as JSON: names as in the published records, times as RFC 3339."""

from typing import Literal

import msgspec

from app.domain.changes import Cause, GuardResult, Touch, View
from app.domain.interaction import Microseconds
from app.domain.timestamps import format_rfc3339
from app.outbound.payloads import Facets, Qualification
from app.storage.rows import StoredChange


class ContactAnswer(msgspec.Struct, frozen=True):
    """A contact at one moment."""

    tenant: str
    contact_id: str
    at: str
    """The moment: now, or the one asked about."""
    seq: int
    """Of its last record on funnel.stage-changes.v1, whatever the moment."""
    model: str
    stage: str
    cycle: int
    qualification: Qualification
    facets: Facets
    temperature: str
    fit: float
    engagement: float
    priority: float
    owner_team: str | None
    owner: str | None
    is_customer: bool
    account_id: str | None
    first_touch: Touch | None
    last_touch: Touch | None
    qualification_needed: bool
    linked_to: str | None
    """The contact that this one is folded under; it has no stage of its own then."""


class StageChange(msgspec.Struct, frozen=True):
    """One record of the history."""

    kind: Literal["changed", "revoked", "corrected"]
    seq: int
    revision: int
    transition_id: str
    transition: str
    from_stage: str
    to_stage: str
    stage: str
    """The one that held after the record."""
    cycle: int
    effective_at: str
    decided_at: str
    revoked_at: str | None
    """When a later record took it back."""
    late: bool
    model: str
    cause: Cause
    guards: list[GuardResult]
    evidence: list[str]
    revokes: str | None
    outcome: str | None


def contact_answer(
    tenant: str, contact_id: str, at: Microseconds, seq: int, model: str, view: View
) -> ContactAnswer:
    return ContactAnswer(
        tenant=tenant,
        contact_id=contact_id,
        at=format_rfc3339(at),
        seq=seq,
        model=model,
        stage=view.stage,
        cycle=view.cycle,
        qualification=Qualification(view.organisation, view.opportunity, view.stakeholder),
        facets=Facets(
            engagement="strong" if view.engagement_strong else "limited",
            qualification="high" if view.qualification_high else "low",
            in_pipeline=view.in_pipeline,
            has_offer=view.has_offer,
        ),
        temperature=view.temperature,
        fit=view.fit / 1000,
        engagement=view.engagement / 1000,
        priority=view.priority / 1000,
        owner_team=view.owner_team,
        owner=view.owner,
        is_customer=view.is_customer,
        account_id=view.account_id,
        first_touch=view.first_touch,
        last_touch=view.last_touch,
        qualification_needed=view.qualification_needed,
        linked_to=view.linked_to,
    )


def stage_change(stored: StoredChange, known_at: Microseconds | None = None) -> StageChange:
    """As known then, or now: without what took it back later."""
    change, revoked_at = stored.change, stored.revoked_at
    if revoked_at is not None and known_at is not None and revoked_at > known_at:
        revoked_at = None
    return StageChange(
        kind=change.kind,
        seq=change.seq,
        revision=change.revision,
        transition_id=change.transition_id,
        transition=change.transition,
        from_stage=change.from_stage,
        to_stage=change.to_stage,
        stage=change.view.stage,
        cycle=change.cycle,
        effective_at=format_rfc3339(change.effective_at),
        decided_at=format_rfc3339(stored.decided_at),
        revoked_at=None if revoked_at is None else format_rfc3339(revoked_at),
        late=change.late,
        model=change.model,
        cause=change.cause,
        guards=list(change.guards),
        evidence=list(change.evidence),
        revokes=change.revokes,
        outcome=change.outcome,
    )
