"""Raw record -> interaction, forwarding, or the first reason why it can never be processed.

The steps stand in the order in which the contract lists the reasons. Everything that can be wrong
with a record is found where it is first read, so only sound records are ever forwarded.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from app.domain.interaction import Interaction, Microseconds
from app.domain.reasons import Reason
from app.domain.rewriting import SNAPSHOT_REQUESTED
from app.domain.routing import DEFAULT_TENANT, home_partition, routing_key
from app.domain.topics import Topic
from app.errors import Poison
from app.handling.origin import FORWARDED, Origin, forwarding_headers, origin_of
from app.handling.records import Decoded, Decoder, Forwarded, OutputRecord, SourceRecord
from app.inbound.activation import ACTIVATED, activation_check, activation_of, snapshot_check
from app.inbound.attributes import refuse_missing, refuse_nul, tenant_of, to_event, traceparent_of
from app.inbound.effective_time import effective_time
from app.inbound.envelope import read_document
from app.inbound.event import Event
from app.inbound.plain import make_plain_reader
from app.inbound.validation import DataCheck, Schema, load_schemas
from app.settings import Limits


class TypeRule(Protocol):
    @property
    def is_command(self) -> bool:
        """Accepted from the commands topic only."""
        ...

    @property
    def requires(self) -> Sequence[str]:
        """Fields that `data` must have, whatever the schema says."""
        ...


class Catalogue(Protocol):
    """What decoding needs to know of a funnel model."""

    @property
    def types(self) -> Mapping[str, TypeRule]: ...

    @property
    def ignores_unknown_types(self) -> bool:
        """Let them pass, for the fold to ignore; else they are dead letters."""
        ...


def make_decoder(
    catalogue: Catalogue,
    limits: Limits,
    topics: Sequence[str],
    partitions: int,
    schemas: Mapping[str, Schema] | None = None,
    tenants: Mapping[str, Catalogue] | None = None,
) -> Decoder:
    """`topics`: the lane's topic order; `partitions`: N, as recorded, not as Kafka has it.

    `schemas`: of a model's own types; they win over the shipped ones. `tenants`: those that do not
    follow `catalogue`; looked at for every record, so it may grow.
    """
    known = load_schemas() | dict(schemas or {})
    activation = _Rule(True, activation_check())
    snapshot = _Rule(True, snapshot_check())
    tolerance = round(limits.future_tolerance_seconds * 1_000_000)
    tenants = {} if tenants is None else tenants
    of_tenants: dict[str, tuple[Catalogue, _Rules]] = {}

    read_plain = make_plain_reader(limits)

    def rules_of(catalogue: Catalogue) -> _Rules:
        made = {
            name: _Rule(rule.is_command, DataCheck(known.get(name, {}), rule.requires))
            for name, rule in catalogue.types.items()
        }
        unknown = _Rule(False, DataCheck({}, ())) if catalogue.ignores_unknown_types else None
        return _Rules({**made, ACTIVATED: activation, SNAPSHOT_REQUESTED: snapshot}, unknown)

    default = rules_of(catalogue)
    types = default.types

    def rules_for(tenant: Any) -> _Rules:
        """Made when a tenant's types are first asked for, and whenever they are others."""
        name = tenant if isinstance(tenant, str) and tenant else DEFAULT_TENANT
        found = tenants.get(name)
        if found is None:
            return default
        made = of_tenants.get(name)
        if made is None or made[0] is not found:
            made = of_tenants[name] = (found, rules_of(found))
        return made[1]

    def rule_of(type_: Any, tenant: Any) -> _Rule:
        types, unknown = rules_for(tenant)
        rule = types.get(type_, unknown) if isinstance(type_, str) else None
        if rule is None:
            raise Poison(Reason.UNKNOWN_TYPE, "/type: is not one of the model's interaction types")
        return rule

    def read(record: SourceRecord) -> Decoded:
        topic = topics[record.topic]
        event = read_plain(record)
        if event is None:
            document = read_document(record, limits, is_from_lane=topic == Topic.COMMANDS)
            refuse_missing(document)
            _admit(rule_of(document["type"], document.get("tenantid")), record, topic)
            event = to_event(document)
            refuse_nul(document, record)
        rule = None if tenants else types.get(event.type)
        if rule is None:
            rule = rule_of(event.type, event.tenantid)
        origin = None
        if rule.commands_only or topic == Topic.COMMANDS:
            origin = _admit(rule, record, topic)
            if rule is activation:
                return activation_of(event, rule.data, origin)
        arrived_at = (origin or record).timestamp_ms * 1000
        interaction = _interaction(event, rule, arrived_at, tolerance)
        key = routing_key(interaction.tenant, interaction.contact_id)
        home = home_partition(key, partitions)
        if home == record.partition:
            return interaction
        if origin is not None:
            # Forwarded once and still not at home: no lane did that, and a contact has one writer.
            raise Poison(
                Reason.NOT_ALLOWED_HERE,
                f"header {FORWARDED}: the contact's home is partition {home}, no lane wrote it",
            )
        return _forward(record, topic, key, home, interaction.source)

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


class _Rule(NamedTuple):
    commands_only: bool
    data: DataCheck


class _Rules(NamedTuple):
    types: dict[str, _Rule]
    unknown: _Rule | None
    """For types that are not among them; None: those are refused."""


def _admit(rule: _Rule, record: SourceRecord, topic: str) -> Origin | None:
    """Where the record first stood. Poison: not_allowed_here."""
    try:
        origin = origin_of(record, topic)
    except ValueError:
        raise Poison(
            Reason.NOT_ALLOWED_HERE,
            f"header {FORWARDED}: is not topic:partition:offset:timestamp, no lane wrote it",
        ) from None
    if rule.commands_only and (origin.topic if origin else topic) != Topic.COMMANDS:
        raise Poison(Reason.NOT_ALLOWED_HERE, f"/type: accepted only from {Topic.COMMANDS}")
    return origin


def _interaction(
    event: Event, rule: _Rule, arrived_at: Microseconds, tolerance: Microseconds
) -> Interaction:
    """Poison: schema_violation or time_out_of_range."""
    data = event.data if event.data is not None else {}
    if not rule.data.is_valid(data):
        raise rule.data.explain(data)
    return Interaction(  # by position, in the order of its fields: half the time
        DEFAULT_TENANT if event.tenantid is None else tenant_of(event),
        event.subject,
        event.source,
        event.id,
        event.type,
        effective_time(event.time, arrived_at, tolerance),
        arrived_at,
        data,
        event.automated or False,
        event.ingestmode == "backfill",
        event.channel or None,
        event.campaignid or None,
        None if event.traceparent is None else traceparent_of(event),
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
