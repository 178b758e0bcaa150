"""`data` of what is published: field for field, and in their order, as the contract shows it."""

from functools import lru_cache
from typing import Final

import msgspec

from app.domain.changes import Cause, Change, GuardResult, Signal, Touch, View
from app.domain.erasure import ERASED, T18, Notice
from app.domain.timestamps import format_rfc3339

_to_json: Final = msgspec.json.Encoder().encode


class Qualification(msgspec.Struct, frozen=True, gc=False):
    organisation: str
    opportunity: str
    stakeholder: str


class Facets(msgspec.Struct, frozen=True, gc=False):
    engagement: str
    qualification: str
    in_pipeline: bool
    has_offer: bool


class ChangeData(msgspec.Struct, frozen=True, gc=False):
    """Of every record about a transition; to opportunity_closed the encoder adds `outcome`."""

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
    guards: msgspec.Raw
    evidence: tuple[str, ...]
    qualification: msgspec.Raw
    facets: msgspec.Raw
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


class SignalData(msgspec.Struct, frozen=True, gc=False):
    """`ChangeData` of what may be no transition; the encoder adds what a kind has of its own."""

    transition_id: str | None
    tenant: str
    contact_id: str
    seq: int
    cycle: int
    from_stage: str | None
    to_stage: str | None
    stage: str
    effective_at: str
    decided_at: str
    late: bool
    model: str
    transition: str | None
    cause: Cause
    guards: tuple[()]
    evidence: tuple[()]
    qualification: msgspec.Raw
    facets: msgspec.Raw
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
    revokes: None


class SnapshotData(msgspec.Struct, frozen=True, gc=False):
    """The contact as it is at `at`; `seq` is that of its last stage-change record."""

    tenant: str
    contact_id: str
    seq: int
    version: int
    at: str
    model: str
    cycle: int
    stage: str
    qualification: msgspec.Raw
    facets: msgspec.Raw
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


class ErasedData(msgspec.Struct, frozen=True, gc=False):
    """The contact's last record: the core of the others without what was known of the contact."""

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
    model: str
    transition: str
    cause: Cause
    request_id: str


_Shown = tuple[
    msgspec.Raw,
    msgspec.Raw,
    str,
    float,
    float,
    float,
    str | None,
    str | None,
    bool,
    str | None,
    Touch | None,
    Touch | None,
]


def change_data(tenant: str, contact_id: str, decided_at: str, change: Change) -> ChangeData:
    view = change.view
    return ChangeData(
        change.transition_id,
        tenant,
        contact_id,
        change.seq,
        change.cycle,
        change.from_stage,
        change.to_stage,
        view.stage,
        format_rfc3339(change.effective_at),
        decided_at,
        change.late,
        change.model,
        change.transition,
        change.cause,
        _guards(change.guards),
        change.evidence,
        *_shown(view),
        change.revokes,
    )


def signal_data(tenant: str, contact_id: str, decided_at: str, signal: Signal) -> SignalData:
    view = signal.view
    return SignalData(
        signal.transition_id,
        tenant,
        contact_id,
        signal.seq,
        signal.cycle,
        signal.from_stage,
        signal.to_stage,
        view.stage,
        format_rfc3339(signal.effective_at),
        decided_at,
        signal.late,
        signal.model,
        signal.transition,
        signal.cause,
        (),
        (),
        *_shown(view),
        None,
    )


def erased_data(tenant: str, contact_id: str, decided_at: str, notice: Notice) -> ErasedData:
    return ErasedData(
        notice.transition_id,
        tenant,
        contact_id,
        notice.seq,
        notice.cycle,
        notice.from_stage,
        ERASED,
        ERASED,
        format_rfc3339(notice.effective_at),
        decided_at,
        notice.model,
        T18,
        notice.cause,
        notice.request_id,
    )


def snapshot_data(
    tenant: str, contact_id: str, moment: str, seq: int, version: int, model: str, view: View
) -> SnapshotData:
    return SnapshotData(
        tenant,
        contact_id,
        seq,
        version,
        moment,
        model,
        view.cycle,
        view.stage,
        *_shown(view),
        view.qualification_needed,
        view.linked_to,
    )


def _shown(view: View) -> _Shown:
    """The fields from `qualification` to `last_touch`, which all payloads share."""
    fit, engagement, priority = view.fit, view.engagement, view.priority
    return (
        _qualification(view.organisation, view.opportunity, view.stakeholder),
        _facets(view.engagement_strong, view.qualification_high, view.in_pipeline, view.has_offer),
        view.temperature,
        # JSON numbers with at most three decimals, and none where they are whole
        fit / 1000 if fit % 1000 else fit // 1000,
        engagement / 1000 if engagement % 1000 else engagement // 1000,
        priority / 1000 if priority % 1000 else priority // 1000,
        view.owner_team,
        view.owner,
        view.is_customer,
        view.account_id,
        view.first_touch,
        view.last_touch,
    )


# Few combinations come up: their JSON is kept, which saves building and encoding them again.


@lru_cache(maxsize=4096)
def _guards(guards: tuple[GuardResult, ...]) -> msgspec.Raw:
    return msgspec.Raw(_to_json(guards))


@lru_cache(maxsize=256)
def _qualification(organisation: str, opportunity: str, stakeholder: str) -> msgspec.Raw:
    return msgspec.Raw(_to_json(Qualification(organisation, opportunity, stakeholder)))


@lru_cache(maxsize=16)
def _facets(is_strong: bool, is_high: bool, in_pipeline: bool, has_offer: bool) -> msgspec.Raw:
    engagement, qualification = "strong" if is_strong else "limited", "high" if is_high else "low"
    return msgspec.Raw(_to_json(Facets(engagement, qualification, in_pipeline, has_offer)))
