"""Output records as the checker understands them, by the contract alone."""

import json
from typing import NamedTuple

from tests.failure.catalogue import instant_of
from tests.failure.envelope import ContactKey, Record


class Output(NamedTuple):
    """A record on stage-changes, opportunities or contacts."""

    contact: ContactKey
    seq: int
    batch: int
    type: str
    stage: str
    transition_id: str
    transition: str
    from_stage: str
    to_stage: str
    cycle: int
    effective_at: int
    cause_id: str
    revokes: str | None

    @property
    def is_revocation(self) -> bool:
        return self.type == "funnel.contact.stage_revoked.v1"

    @property
    def is_correction(self) -> bool:
        return self.type == "funnel.contact.history_corrected.v1"


def output_of(record: Record) -> Output:
    """`record` by its headers and data; a field its type does not have is empty."""
    data = json.loads(record.value or b"{}")
    batch = (record.header("funnel-batch") or "//0").rpartition("/")[2]
    effective_at = data.get("effective_at")
    return Output(
        contact=(record.header("ce_tenantid") or "default", record.header("ce_subject") or ""),
        seq=int(record.header("ce_sequence") or 0),
        batch=int(batch),
        type=record.header("ce_type") or "",
        stage=data.get("stage", ""),
        transition_id=data.get("transition_id", ""),
        transition=data.get("transition", ""),
        from_stage=data.get("from_stage", ""),
        to_stage=data.get("to_stage", ""),
        cycle=data.get("cycle", 0),
        effective_at=0 if effective_at is None else instant_of(effective_at),
        cause_id=(data.get("cause") or {}).get("event_id", ""),
        revokes=data.get("revokes"),
    )
