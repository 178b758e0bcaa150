"""Decisions -> Kafka records: CloudEvents in binary mode, the same bytes on every replay."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec
import xxhash

from app.domain.account import AccountInput
from app.domain.changes import Change, Command, Signal, View
from app.domain.erasure import Notice
from app.domain.interaction import Microseconds
from app.domain.routing import home_partition, routing_key
from app.domain.timestamps import format_rfc3339
from app.domain.topics import Topic
from app.errors import Poison
from app.handling.account_words import write_word
from app.handling.dead_letters import as_dead_letter, exception_name
from app.handling.records import Encoder, OutputHeaders, OutputRecord, SourceRecord
from app.outbound.headers import SOURCE, DeadLetterHeader, EventType, Header
from app.outbound.payloads import change_data, erased_data, signal_data, snapshot_data

_STAGE_TYPES: Final = {
    "changed": EventType.STAGE_CHANGED.value,
    "revoked": EventType.STAGE_REVOKED.value,
    "corrected": EventType.HISTORY_CORRECTED.value,
}
_OPPORTUNITY_TYPES: Final = {
    "became": EventType.BECAME_OPPORTUNITY.value,
    "revoked": EventType.OPPORTUNITY_REVOKED.value,
    "closed": EventType.OPPORTUNITY_CLOSED.value,
}
_SNAPSHOT: Final = EventType.SNAPSHOT.value
_ERASED: Final = EventType.ERASED.value
_to_json = msgspec.json.Encoder().encode


class CloudEventEncoder:
    """Implements `Encoder`. Pure: what it returns depends on its arguments only."""

    def __init__(
        self,
        group: str,
        inputs: Sequence[str],
        partitions: int,
        accounts: int | None = None,
    ) -> None:
        self._accounts = partitions if accounts is None else accounts
        self._group = group.encode()
        self._inputs = inputs
        self._partitions = partitions

    def change(
        self, tenant: str, contact_id: str, partition: int, decided_at: Microseconds, change: Change
    ) -> list[OutputRecord]:
        decided, moment = _moment(decided_at)
        value = _to_json(change_data(tenant, contact_id, decided, change))
        key = routing_key(tenant, contact_id).encode()
        type_ = _STAGE_TYPES[change.kind]
        id_ = _digest(f"{type_}\n{change.transition_id}\n{change.revision}")
        about = _about(tenant, contact_id, moment, change)
        headers = [*_CONSTANT[type_], (_ID, id_), *about]
        records = [OutputRecord(_STAGE_CHANGES, partition, key, value, headers)]
        if change.opportunity is not None:
            if change.opportunity == "closed":
                value = b'%s,"outcome":%s}' % (value[:-1], _to_json(change.outcome))
            type_ = _OPPORTUNITY_TYPES[change.opportunity]
            # A correction or a revocation may have to tell sales again: that is a later revision of
            # what they heard.
            revision = change.revision + (change.kind != "changed")
            id_ = _digest(f"{type_}\n{change.transition_id}\n{revision}")
            headers = [*_CONSTANT[type_], (_ID, id_), *about]
            records.append(OutputRecord(_OPPORTUNITIES, partition, key, value, headers))
        return records

    def signal(
        self, tenant: str, contact_id: str, partition: int, decided_at: Microseconds, signal: Signal
    ) -> OutputRecord:
        decided, moment = _moment(decided_at)
        value = _to_json(signal_data(tenant, contact_id, decided, signal))
        if signal.details:
            value = b"%s,%s" % (value[:-1], _to_json(signal.details)[1:])
        type_, topic = _SIGNALS[signal.kind]
        id_ = _digest(f"{type_}\n{tenant}\n{contact_id}\n{signal.key}")
        headers = [
            *_CONSTANT[type_],
            (_ID, id_),
            *_about(tenant, contact_id, moment, signal),
        ]
        key = routing_key(tenant, contact_id).encode()
        return OutputRecord(topic, partition, key, value, headers)

    def snapshot(
        self,
        tenant: str,
        contact_id: str,
        partition: int,
        at: Microseconds,
        seq: int,
        version: int,
        view: View,
        model: str,
    ) -> OutputRecord:
        shown_at, moment = _moment(at)
        data = snapshot_data(tenant, contact_id, shown_at, seq, version, model, view)
        id_ = _digest(f"{_SNAPSHOT}\n{tenant}\n{contact_id}\n{version}")
        headers = [
            *_CONSTANT[_SNAPSHOT],
            (_ID, id_),
            (_SUBJECT, contact_id.encode()),
            (_TIME, moment),
            (_SEQUENCE, b"%020d" % seq),
            (_TENANT, tenant.encode()),
        ]
        key = routing_key(tenant, contact_id).encode()
        return OutputRecord(_CONTACTS, partition, key, _to_json(data), headers)

    def erased(
        self, tenant: str, contact_id: str, partition: int, decided_at: Microseconds, notice: Notice
    ) -> list[OutputRecord]:
        decided, moment = _moment(decided_at)
        key = routing_key(tenant, contact_id).encode()
        id_ = _digest(f"{_ERASED}\n{notice.transition_id}\n0")
        headers = [
            *_CONSTANT[_ERASED],
            (_ID, id_),
            *_about(tenant, contact_id, moment, notice),
        ]
        value = _to_json(erased_data(tenant, contact_id, decided, notice))
        return [
            OutputRecord(_STAGE_CHANGES, partition, key, value, headers),
            OutputRecord(_CONTACTS, partition, key, None, []),
        ]

    def command(self, tenant: str, command: Command) -> OutputRecord:
        event = {
            "specversion": "1.0",
            "id": command.id,
            "source": SOURCE,
            "type": command.type,
            "subject": command.contact_id,
            "time": format_rfc3339(command.time),
            "tenantid": tenant,
            "data": command.data,
        }
        key = routing_key(tenant, command.contact_id)
        home = home_partition(key, self._partitions)
        headers: OutputHeaders = [(Header.CONTENT_TYPE.value, b"application/cloudevents+json")]
        return OutputRecord(_COMMANDS, home, key.encode(), _to_json(event), headers)

    def account_input(self, told: AccountInput) -> OutputRecord:
        key = routing_key(told.tenant, told.account_id)
        home = home_partition(key, self._accounts)
        headers: OutputHeaders = [(Header.CONTENT_TYPE.value, b"application/json")]
        return OutputRecord(_ACCOUNT_INPUTS, home, key.encode(), write_word(told), headers)

    def dead_letter(
        self, record: SourceRecord, poison: Poison, failed_at: Microseconds
    ) -> OutputRecord:
        origin, original = as_dead_letter(record, self._inputs[record.topic])
        errors = (
            (DeadLetterHeader.TOPIC.value, origin.topic.encode()),
            (DeadLetterHeader.PARTITION.value, b"%d" % origin.partition),
            (DeadLetterHeader.OFFSET.value, b"%d" % origin.offset),
            (DeadLetterHeader.GROUP.value, self._group),
            (DeadLetterHeader.MESSAGE.value, str(poison).encode(errors="replace")),
            (DeadLetterHeader.REASON.value, poison.reason.encode()),
            (DeadLetterHeader.EXCEPTION.value, exception_name(poison).encode()),
            (DeadLetterHeader.TIME.value, format_rfc3339(failed_at).encode()),
        )
        return OutputRecord(
            Topic.DEAD_LETTERS,
            origin.partition % self._partitions,
            original.key,
            original.value,
            [*original.headers, *errors],
            origin.timestamp_ms if origin.timestamp_ms >= 0 else None,
        )


def stage_change_id(kind: str, transition_id: str, revision: int) -> bytes:
    """`ce_id` on funnel.stage-changes.v1 of a row of the history."""
    return _digest(f"{_STAGE_TYPES[kind]}\n{transition_id}\n{revision}")


def make_encoder(
    group: str, inputs: Sequence[str], partitions: int, accounts: int | None = None
) -> Encoder:
    """`inputs`: the lane's topic order; `partitions`: how many every topic has at least;
    `accounts`: N of the account lane, where that is another."""
    return CloudEventEncoder(group, inputs, partitions, accounts)


# Looking a member up in an enum costs more than all else in a header.
_ID, _SUBJECT, _TIME, _SEQUENCE, _TENANT, _CAUSATION = (
    name.value
    for name in (
        Header.ID,
        Header.SUBJECT,
        Header.TIME,
        Header.SEQUENCE,
        Header.TENANT,
        Header.CAUSATION,
    )
)
_STAGE_CHANGES, _OPPORTUNITIES, _CONTACTS, _SIGNALS_TOPIC = (
    topic.value
    for topic in (Topic.STAGE_CHANGES, Topic.OPPORTUNITIES, Topic.CONTACTS, Topic.SIGNALS)
)
_ACCOUNT_INPUTS: Final = Topic.ACCOUNT_INPUTS.value
_COMMANDS: Final = Topic.COMMANDS.value
_SIGNALS: Final = {
    "handoff_requested": (EventType.HANDOFF_REQUESTED.value, _OPPORTUNITIES),
    "handoff_withdrawn": (EventType.HANDOFF_WITHDRAWN.value, _OPPORTUNITIES),
    "temperature_changed": (EventType.TEMPERATURE_CHANGED.value, _SIGNALS_TOPIC),
    "sla_breached": (EventType.SLA_BREACHED.value, _SIGNALS_TOPIC),
    "nurture_requested": (EventType.NURTURE_REQUESTED.value, _SIGNALS_TOPIC),
    "nurture_withdrawn": (EventType.NURTURE_WITHDRAWN.value, _SIGNALS_TOPIC),
    "qualification_needed": (EventType.QUALIFICATION_NEEDED.value, _SIGNALS_TOPIC),
    "deadline_near": (EventType.DEADLINE_NEAR.value, _SIGNALS_TOPIC),
    "trial_ending": (EventType.TRIAL_ENDING.value, _SIGNALS_TOPIC),
    "quote_expiring": (EventType.QUOTE_EXPIRING.value, _SIGNALS_TOPIC),
    "retention_due": (EventType.RETENTION_DUE.value, _SIGNALS_TOPIC),
}
"""Event type and topic of each `Signal.kind`."""
_CONSTANT: Final[dict[str, OutputHeaders]] = {
    type_.value: [
        (Header.CONTENT_TYPE.value, b"application/json"),
        (Header.SPECVERSION.value, b"1.0"),
        (Header.SOURCE.value, SOURCE.encode()),
        (Header.TYPE.value, type_.encode()),
    ]
    for type_ in EventType
}


def _about(
    tenant: str, contact_id: str, moment: bytes, told: Change | Signal | Notice
) -> OutputHeaders:
    headers: OutputHeaders = [
        (_SUBJECT, contact_id.encode()),
        (_TIME, moment),
        (_SEQUENCE, b"%020d" % told.seq),
        (_TENANT, tenant.encode()),
        (_CAUSATION, told.cause.event_id.encode()),
    ]
    if told.traceparent is not None:
        headers.append((Header.TRACEPARENT.value, told.traceparent.encode()))
    return headers


@lru_cache(maxsize=8)
def _moment(at: Microseconds) -> tuple[str, bytes]:
    """As text, and as a header: all records of a batch have the same."""
    text = format_rfc3339(at)
    return text, text.encode()


def _digest(parts: str) -> bytes:
    """An event's id: the same for the same parts, wherever and whenever it is computed."""
    return xxhash.xxh3_128_hexdigest(parts.encode()).encode()
