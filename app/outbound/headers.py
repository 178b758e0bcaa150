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
    SNAPSHOT = "funnel.contact.snapshot.v1"
