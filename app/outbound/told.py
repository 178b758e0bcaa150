"""Stage changes read back from their topics: the inverse of the encoder."""

from typing import Any, Final, Literal

import msgspec

from app.domain.changes import Cause, Change, GuardResult, Touch, View
from app.domain.timestamps import parse_rfc3339
from app.handling.ports import Told
from app.outbound.encoding import stage_change_id
from app.outbound.headers import EventType, Header

KINDS: Final = {
    EventType.STAGE_CHANGED.encode(): "changed",
    EventType.STAGE_REVOKED.encode(): "revoked",
    EventType.HISTORY_CORRECTED.encode(): "corrected",
}
OPPORTUNITIES: Final[dict[bytes, Literal["became", "closed", "revoked"]]] = {
    EventType.BECAME_OPPORTUNITY.encode(): "became",
    EventType.OPPORTUNITY_REVOKED.encode(): "revoked",
    EventType.OPPORTUNITY_CLOSED.encode(): "closed",
}
REVISIONS_MAX: Final = 1000


class _Data(msgspec.Struct):
    """Of a record about a transition."""

    transition_id: str
    tenant: str
    contact_id: str
    seq: int
    cycle: int
    from_stage: str
    to_stage: str
    stage: str
    effective_at: str
    decided_at: str
    late: bool
    model: str
    transition: str
    cause: Cause
    guards: tuple[GuardResult, ...]
    evidence: tuple[str, ...]
    qualification: dict[str, str]
    facets: dict[str, Any]
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
    revokes: str | None
    outcome: str | None = None


_decode: Final = msgspec.json.Decoder(_Data).decode


def told_of(record: Any) -> Told | None:
    """None: it is no stage change, and no word about an opportunity."""
    headers: dict[str, bytes | None] = dict(record.headers)
    type_ = headers.get(Header.TYPE.value)
    kind, opportunity = KINDS.get(type_ or b""), OPPORTUNITIES.get(type_ or b"")
    if kind is None and opportunity is None:
        return None
    data = _decode(record.value)
    decided_at = parse_rfc3339(data.decided_at)
    assert decided_at is not None, "this service wrote it"
    change = None
    if kind is not None:
        change = _change(kind, data, headers)
    return Told(data.tenant, data.contact_id, data.seq, decided_at, change, opportunity,
                data.outcome)  # fmt: skip


def _change(kind: str, data: _Data, headers: dict[str, bytes | None]) -> Change:
    effective_at = parse_rfc3339(data.effective_at)
    assert effective_at is not None, "this service wrote it"
    id_ = headers.get(Header.ID.value)
    revision = next(
        n for n in range(REVISIONS_MAX) if stage_change_id(kind, data.transition_id, n) == id_
    )
    traceparent = headers.get(Header.TRACEPARENT.value)
    return Change(
        kind=kind,  # type: ignore[arg-type] # one of KINDS
        seq=data.seq,
        revision=revision,
        transition_id=data.transition_id,
        transition=data.transition,
        from_stage=data.from_stage,
        to_stage=data.to_stage,
        cycle=data.cycle,
        effective_at=effective_at,
        late=data.late,
        cause=data.cause,
        guards=data.guards,
        evidence=data.evidence,
        view=_view(data),
        model=data.model,
        revokes=data.revokes,
        traceparent=None if traceparent is None else traceparent.decode(),
    )


def _view(data: _Data) -> View:
    return View(
        stage=data.stage,
        cycle=data.cycle,
        organisation=data.qualification["organisation"],
        opportunity=data.qualification["opportunity"],
        stakeholder=data.qualification["stakeholder"],
        engagement_strong=data.facets["engagement"] == "strong",
        qualification_high=data.facets["qualification"] == "high",
        in_pipeline=data.facets["in_pipeline"],
        has_offer=data.facets["has_offer"],
        temperature=data.temperature,
        fit=round(data.fit * 1000),
        engagement=round(data.engagement * 1000),
        priority=round(data.priority * 1000),
        owner_team=data.owner_team,
        owner=data.owner,
        is_customer=data.is_customer,
        account_id=data.account_id,
        first_touch=data.first_touch,
        last_touch=data.last_touch,
    )
