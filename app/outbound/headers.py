"""Names of the headers on what this service publishes, and of the events: one catalogue each."""

from enum import StrEnum
from typing import Final

SOURCE: Final = "/funnel"


class Header(StrEnum):
    CONTENT_TYPE = "content-type"
    SPECVERSION = "ce_specversion"
    ID = "ce_id"
    SOURCE = "ce_source"
    TYPE = "ce_type"
    SUBJECT = "ce_subject"
    TIME = "ce_time"
    SEQUENCE = "ce_sequence"
    TENANT = "ce_tenantid"
    CAUSATION = "ce_causationid"
    TRACEPARENT = "traceparent"


ATTRIBUTES: Final = {
    header.value: header.value.removeprefix("ce_")
    for header in Header
    if header is not Header.CONTENT_TYPE
}
"""Header -> the attribute it is in a CloudEvent's structured form, in their order there."""


class DeadLetterHeader(StrEnum):
    """The names that Kafka's own dead letter queues use."""

    TOPIC = "__dlq.errors.topic"
    PARTITION = "__dlq.errors.partition"
    OFFSET = "__dlq.errors.offset"
    GROUP = "__dlq.errors.group"
    MESSAGE = "__dlq.errors.message"
    REASON = "__dlq.errors.reason"
    EXCEPTION = "__dlq.errors.exception"
    TIME = "__dlq.errors.time"


class EventType(StrEnum):
    STAGE_CHANGED = "funnel.contact.stage_changed.v1"
    STAGE_REVOKED = "funnel.contact.stage_revoked.v1"
    HISTORY_CORRECTED = "funnel.contact.history_corrected.v1"
    BECAME_OPPORTUNITY = "funnel.contact.became_opportunity.v1"
    OPPORTUNITY_REVOKED = "funnel.contact.opportunity_revoked.v1"
    OPPORTUNITY_CLOSED = "funnel.contact.opportunity_closed.v1"
    HANDOFF_REQUESTED = "funnel.contact.handoff_requested.v1"
    HANDOFF_WITHDRAWN = "funnel.contact.handoff_withdrawn.v1"
    TEMPERATURE_CHANGED = "funnel.contact.temperature_changed.v1"
    SLA_BREACHED = "funnel.contact.sla_breached.v1"
    NURTURE_REQUESTED = "funnel.contact.nurture_requested.v1"
    NURTURE_WITHDRAWN = "funnel.contact.nurture_withdrawn.v1"
    QUALIFICATION_NEEDED = "funnel.contact.qualification_needed.v1"
    DEADLINE_NEAR = "funnel.contact.deadline_near.v1"
    TRIAL_ENDING = "funnel.contact.trial_ending.v1"
    QUOTE_EXPIRING = "funnel.contact.quote_expiring.v1"
    RETENTION_DUE = "funnel.contact.retention_due.v1"
    SNAPSHOT = "funnel.contact.snapshot.v1"
    ERASED = "funnel.contact.erased.v1"
    ACCOUNT_STAGE_CHANGED = "funnel.account.stage_changed.v1"
    ACCOUNT_HANDOFF_REQUESTED = "funnel.account.handoff_requested.v1"
    ACCOUNT_HANDOFF_WITHDRAWN = "funnel.account.handoff_withdrawn.v1"
