"""Decisions about accounts -> Kafka records, the same bytes on every replay."""

from collections.abc import Sequence
from typing import Final

import msgspec
import xxhash

from app.domain.account import AccountChange
from app.domain.changes import Cause, GuardResult
from app.domain.interaction import Microseconds
from app.domain.routing import routing_key
from app.domain.timestamps import format_rfc3339
from app.domain.topics import Topic
from app.errors import Poison
from app.handling.account_decider import AccountEncoder
from app.handling.records import OutputHeaders, OutputRecord, SourceRecord
from app.outbound.encoding import CloudEventEncoder
from app.outbound.headers import SOURCE, EventType, Header

_HANDOFFS: Final = {
    "requested": EventType.ACCOUNT_HANDOFF_REQUESTED,
    "withdrawn": EventType.ACCOUNT_HANDOFF_WITHDRAWN,
}
_JSON: Final = b"application/json"
_to_json: Final = msgspec.json.Encoder().encode


class AccountChangeData(msgspec.Struct, frozen=True, gc=False):
    """`data` of every record on funnel.accounts.v1. Of a hand-off, `transition_id` is that of the
    transition it was requested for."""

    transition_id: str
    tenant: str
    account_id: str
    seq: int
    from_stage: str
    to_stage: str
    stage: str
    effective_at: str
    decided_at: str
    model: str
    contact_id: str
    cause: Cause
    guards: tuple[GuardResult, ...]
    evidence: tuple[str, ...]
    missing_roles: tuple[str, ...]
    is_customer: bool
    contacts: int


class AccountEventEncoder:
    """Implements `AccountEncoder`. Pure: what it returns depends on its arguments only."""

    def __init__(self, group: str, inputs: Sequence[str], partitions: int) -> None:
        self._dead_letters = CloudEventEncoder(group, inputs, partitions)

    def change(
        self,
        tenant: str,
        account_id: str,
        partition: int,
        decided_at: Microseconds,
        change: AccountChange,
    ) -> list[OutputRecord]:
        told = [(EventType.ACCOUNT_STAGE_CHANGED, change.transition_id)]
        if change.handoff is not None:
            told.append((_HANDOFFS[change.handoff.kind], change.handoff.transition_id))
        key = routing_key(tenant, account_id).encode()
        return [
            OutputRecord(
                Topic.ACCOUNTS.value,
                partition,
                key,
                _to_json(_data(tenant, account_id, transition_id, decided_at, change)),
                _headers(type_, tenant, account_id, transition_id, decided_at, change),
            )
            for type_, transition_id in told
        ]

    def dead_letter(
        self, record: SourceRecord, poison: Poison, failed_at: Microseconds
    ) -> OutputRecord:
        return self._dead_letters.dead_letter(record, poison, failed_at)


def make_account_encoder(group: str, inputs: Sequence[str], partitions: int) -> AccountEncoder:
    """`inputs`: the lane's topic order; `partitions`: how many every topic has at least."""
    return AccountEventEncoder(group, inputs, partitions)


def _data(
    tenant: str,
    account_id: str,
    transition_id: str,
    decided_at: Microseconds,
    change: AccountChange,
) -> AccountChangeData:
    return AccountChangeData(
        transition_id=transition_id,
        tenant=tenant,
        account_id=account_id,
        seq=change.seq,
        from_stage=change.from_stage,
        to_stage=change.to_stage,
        stage=change.to_stage,
        effective_at=format_rfc3339(change.effective_at),
        decided_at=format_rfc3339(decided_at),
        model=change.model,
        contact_id=change.contact_id,
        cause=change.cause,
        guards=change.guards,
        evidence=change.evidence,
        missing_roles=change.missing_roles,
        is_customer=change.is_customer,
        contacts=change.contacts,
    )


def _headers(
    type_: EventType,
    tenant: str,
    account_id: str,
    transition_id: str,
    decided_at: Microseconds,
    change: AccountChange,
) -> OutputHeaders:
    """An account's transition is never revoked or corrected, so its revision is always 0."""
    id_ = xxhash.xxh3_128_hexdigest(f"{type_.value}\n{transition_id}\n0".encode())
    headers: OutputHeaders = [
        (Header.CONTENT_TYPE.value, _JSON),
        (Header.SPECVERSION.value, b"1.0"),
        (Header.SOURCE.value, SOURCE.encode()),
        (Header.TYPE.value, type_.value.encode()),
        (Header.ID.value, id_.encode()),
        (Header.SUBJECT.value, account_id.encode()),
        (Header.TIME.value, format_rfc3339(decided_at).encode()),
        (Header.SEQUENCE.value, b"%020d" % change.seq),
        (Header.TENANT.value, tenant.encode()),
        (Header.CAUSATION.value, change.cause.event_id.encode()),
    ]
    if change.traceparent is not None:
        headers.append((Header.TRACEPARENT.value, change.traceparent.encode()))
    return headers
