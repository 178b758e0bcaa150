"""Raw record -> interaction, forwarding, or the first reason why it can never be processed.

The steps stand in the order in which the contract lists the reasons. Everything that can be wrong
with a record is found where it is first read, so only sound records are ever forwarded.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.domain.interaction import Interaction
from app.domain.reasons import Reason
from app.domain.routing import home_partition, routing_key
from app.domain.topics import Topic
from app.errors import Poison
from app.handling.origin import FORWARDED, Origin, forwarding_headers, origin_of
from app.handling.records import Decoded, Decoder, Forwarded, OutputRecord, SourceRecord
from app.inbound.attributes import (
    is_automated,
    is_backfill,
    missing,
    must_be_text,
    refuse_nul,
    tenant_of,
    traceparent_of,
    violation,
)
from app.inbound.effective_time import effective_time
from app.inbound.envelope import Event, read_event
from app.inbound.validation import DataCheck, Schema, load_schemas
from app.settings import Limits


def make_decoder(
    commands_only: Mapping[str, bool],
    limits: Limits,
    topics: Sequence[str],
    partitions: int,
    schemas: Mapping[str, Schema] | None = None,
) -> Decoder:
    """`commands_only`: every known type, and whether only the commands topic may carry it.

    `topics`: the lane's topic order; `partitions`: N, as recorded, not as Kafka has it.
    `schemas`: those of a model's own types; they win over the shipped ones.
    """
    known = load_schemas() | dict(schemas or {})
    rules = {
        name: _TypeRule(is_restricted, DataCheck(known[name]) if name in known else None)
        for name, is_restricted in commands_only.items()
    }
    tolerance = round(limits.future_tolerance_seconds * 1_000_000)

    def read(record: SourceRecord) -> Decoded:
        event = read_event(record, limits)
        rule = _rule_of(event, rules)
        topic = topics[record.topic]
        origin = _origin_of(record, topic)
        if rule.commands_only and (origin.topic if origin else topic) != Topic.COMMANDS:
            raise Poison(Reason.NOT_ALLOWED_HERE, f"/type: accepted only from {Topic.COMMANDS}")
        arrived_at = (origin or record).timestamp_ms * 1000
        interaction = _interaction(event, rule, record, arrived_at, tolerance)
        if origin is None:
            key = routing_key(interaction.tenant, interaction.contact_id)
            home = home_partition(key, partitions)
            if home != record.partition:
                return _forward(record, topic, key, home, interaction.source)
        return interaction

    def decode(record: SourceRecord) -> Decoded:
        try:
            return read(record)
        except Poison as poison:
            return poison.with_traceback(None)
        except Exception as bug:
            return _bug(bug)

    return decode


def _bug(bug: Exception) -> Poison:
    """A record must not stop its partition; the cause tells such a dead letter from the others."""
    poison = Poison(Reason.UNDECODABLE, f"the decoder failed with {type(bug).__name__}: report it")
    poison.__cause__ = bug
    return poison


class _TypeRule(NamedTuple):
    commands_only: bool
    data: DataCheck | None


def _rule_of(event: Event, rules: Mapping[str, _TypeRule]) -> _TypeRule:
    """missing_attribute or unknown_type."""
    get = event.get
    is_complete = get("id") and get("source") and get("subject") and get("specversion")
    type_ = get("type")
    if not (is_complete and type_) and (flaw := missing(event)):
        raise flaw
    rule = rules.get(type_) if type(type_) is str else None
    if rule is None:
        raise Poison(Reason.UNKNOWN_TYPE, "/type: is not one of the model's interaction types")
    return rule


def _origin_of(record: SourceRecord, topic: str) -> Origin | None:
    try:
        return origin_of(record, topic)
    except ValueError:
        raise Poison(
            Reason.NOT_ALLOWED_HERE,
            f"header {FORWARDED}: is not topic:partition:offset:timestamp, no lane wrote it",
        ) from None


def _interaction(
    event: Event, rule: _TypeRule, record: SourceRecord, arrived_at: int, tolerance: int
) -> Interaction:
    """schema_violation or time_out_of_range."""
    get = event.get
    must_be_text(event)
    data = get("data")
    if data is None:
        data = {}
    elif type(data) is not dict:
        raise violation("data", "must be an object")
    if rule.data is not None and not rule.data.is_valid(data):
        raise rule.data.explain(data)
    refuse_nul(event, record)
    return Interaction(
        tenant=tenant_of(get("tenantid")),
        contact_id=event["subject"],
        source=event["source"],
        id=event["id"],
        type=event["type"],
        automated=is_automated(get("automated")),
        is_backfill=is_backfill(get("ingestmode")),
        channel=get("channel") or None,
        campaign_id=get("campaignid") or None,
        traceparent=traceparent_of(get("traceparent")),
        data=data,
        arrived_at=arrived_at,
        time=effective_time(get("time"), arrived_at, tolerance),
    )


def _forward(record: SourceRecord, topic: str, key: str, home: int, source: str) -> Forwarded:
    output = OutputRecord(
        topic=Topic.COMMANDS,
        partition=home,
        key=key.encode(),
        value=record.value,
        headers=forwarding_headers(record, topic),
    )
    return Forwarded(output, source)
