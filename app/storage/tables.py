"""The tables (architecture §4): what Alembic compares with and what queries read from.

The lane partition leads every key, so a write of one batch stays together. Keys collate "C", the
order in which the worker sorts them. Times are timestamptz: people read them by SQL, and on the
wire they are the same eight bytes as an integer. No foreign keys: nothing on the hot path may
look elsewhere.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

metadata = MetaData()

_KEY = Text(collation="C")
_TIME = DateTime(timezone=True)
_OFFSETS = ARRAY(BigInteger)


def _must(name: str, kind: Any) -> Column[Any]:
    return Column(name, kind, nullable=False)


lane = Table(
    "lane",
    metadata,
    _must("lane", Text),
    _must("partitions", Integer),
    _must("topics", ARRAY(Text)),
    _must("topic_ids", ARRAY(Text)),
    PrimaryKeyConstraint("lane"),
    comment="home = murmur2 mod partitions; topic_ids tell a recreated topic",
)

lane_partition = Table(
    "lane_partition",
    metadata,
    _must("lane", Text),
    _must("partition", Integer),
    _must("epoch", BigInteger),
    Column("owner", Text),
    _must("batch_seq", BigInteger),
    _must("next_offsets", _OFFSETS),
    _must("as_of", _TIME),
    _must("published_seq", BigInteger),
    _must("published_offsets", _OFFSETS),
    PrimaryKeyConstraint("lane", "partition"),
    postgresql_with={"fillfactor": "50"},
    comment="D: batch_seq and next_offsets; K as the owner last knew it: published_*",
)

segment = Table(
    "segment",
    metadata,
    _must("day", Date),
    _must("lane", Text),
    _must("partition", Integer),
    _must("batch_seq", BigInteger),
    _must("next_offsets", _OFFSETS),
    _must("as_of", _TIME),
    _must("n", Integer),
    _must("events", LargeBinary),
    _must("outputs", LargeBinary),
    # the day comes last: takeover asks for batches after K without knowing their days
    PrimaryKeyConstraint("lane", "partition", "batch_seq", "day"),
    postgresql_partition_by="RANGE (day)",
    comment="a batch: interaction log and outbox in one row, dropped a day at a time",
)

contact = Table(
    "contact",
    metadata,
    _must("partition", Integer),
    _must("tenant", _KEY),
    _must("contact_id", _KEY),
    _must("version", Integer),
    _must("stage", Text),
    _must("seq", Integer),
    Column("check_at", _TIME),
    _must("state", LargeBinary),
    _must("log", LargeBinary),  # last: prepended, so the old part is not logged again
    PrimaryKeyConstraint("partition", "tenant", "contact_id"),
    Index(
        "contact_check_at", "partition", "check_at", postgresql_where=text("check_at IS NOT NULL")
    ),
    postgresql_with={"fillfactor": "90", "toast_tuple_target": "8160"},
)

contact_log = Table(
    "contact_log",
    metadata,
    _must("partition", Integer),
    _must("tenant", _KEY),
    _must("contact_id", _KEY),
    _must("chunk", Integer),
    _must("body", LargeBinary),
    PrimaryKeyConstraint("partition", "tenant", "contact_id", "chunk"),
    comment="sealed evidence, oldest chunk 0",
)

stage_change = Table(
    "stage_change",
    metadata,
    _must("partition", Integer),
    _must("seq", Integer),
    _must("cycle", Integer),
    _must("revision", Integer),
    _must("effective_at", _TIME),
    _must("decided_at", _TIME),
    Column("revoked_at", _TIME),
    _must("late", Boolean),
    _must("transition_id", Uuid),
    Column("revokes", Uuid),
    _must("tenant", _KEY),
    _must("contact_id", _KEY),
    _must("kind", Text),
    _must("transition", Text),
    _must("from_stage", Text),
    _must("to_stage", Text),
    _must("stage", Text),
    _must("model", Text),
    _must("detail", LargeBinary),
    PrimaryKeyConstraint("partition", "tenant", "contact_id", "seq"),
    comment="history; detail is app.storage.detail: cause, guards, evidence, view",
)

dead_letter = Table(
    "dead_letter",
    metadata,
    _must("partition", Integer),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    _must("lane", Text),
    _must("topic", Text),
    _must("source_partition", Integer),
    _must("source_offset", BigInteger),
    _must("reason", Text),
    _must("message", Text),
    _must("exception", Text),
    _must("failed_at", _TIME),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    _must("headers", LargeBinary),
    _must("timestamp_ms", BigInteger),
    Column("type", Text),
    Column("source", Text),
    Column("redriven", Integer, nullable=False, server_default=text("0")),
    Column("redriven_at", _TIME),
    Column("redriven_by", Text),
    PrimaryKeyConstraint("partition", "id"),
    Index("dead_letter_id", "id"),
    comment="headers is MessagePack: [[name, value or nil], …]",
)

counter = Table(
    "counter",
    metadata,
    _must("partition", Integer),
    _must("tenant", _KEY),
    _must("stage", Text),
    _must("n", BigInteger),
    PrimaryKeyConstraint("partition", "tenant", "stage"),
    postgresql_with={"fillfactor": "50"},
    comment="contacts by stage",
)

account = Table(
    "account",
    metadata,
    _must("partition", Integer),
    _must("tenant", _KEY),
    _must("account_id", _KEY),
    _must("version", Integer),
    _must("stage", Text),
    _must("seq", Integer),
    _must("is_customer", Boolean),
    _must("contacts", Integer),
    _must("missing_roles", ARRAY(Text)),
    _must("told_at", _TIME),
    _must("state", LargeBinary),
    PrimaryKeyConstraint("partition", "tenant", "account_id"),
    Index("account_tenant", "tenant", "account_id"),
    postgresql_with={"fillfactor": "90"},
    comment="missing_roles: the empty seats of the buying committee",
)

account_member = Table(
    "account_member",
    metadata,
    _must("partition", Integer),
    _must("tenant", _KEY),
    _must("account_id", _KEY),
    _must("contact_id", _KEY),
    _must("contact_version", Integer),
    _must("contact_seq", Integer),
    _must("stage", Text),
    _must("is_customer", Boolean),
    _must("is_decision_maker", Boolean),
    _must("has_intent", Boolean),
    _must("has_open_deal", Boolean),
    _must("has_left", Boolean),
    _must("told_at", _TIME),
    PrimaryKeyConstraint("partition", "tenant", "account_id", "contact_id"),
    postgresql_with={"fillfactor": "90"},
    comment="the latest word of each contact; of one that left, its version only",
)

account_change = Table(
    "account_change",
    metadata,
    _must("partition", Integer),
    _must("tenant", _KEY),
    _must("account_id", _KEY),
    _must("seq", Integer),
    _must("transition_id", Uuid),
    _must("from_stage", Text),
    _must("to_stage", Text),
    _must("effective_at", _TIME),
    _must("decided_at", _TIME),
    _must("model", Text),
    Column("contact_id", _KEY),
    _must("evidence", ARRAY(Text)),
    _must("missing_roles", ARRAY(Text)),
    _must("is_customer", Boolean),
    _must("contacts", Integer),
    _must("guards", LargeBinary),
    Column("cause", LargeBinary),
    PrimaryKeyConstraint("partition", "tenant", "account_id", "seq"),
    comment="contact_id, evidence and cause lose the contacts that were erased",
)

erasure_key = Table(
    "erasure_key",
    metadata,
    Column("id", Integer, autoincrement=False, nullable=False),
    _must("secret", LargeBinary),
    PrimaryKeyConstraint("id"),
    comment="one row, made when it is first needed: without it the hashes say nothing",
)

erased = Table(
    "erased",
    metadata,
    _must("digest", LargeBinary),
    _must("erased_at", _TIME),
    PrimaryKeyConstraint("digest"),
    comment="HMAC of the routing key; led by no partition: a hash can't be given a new home",
)

erasure_job = Table(
    "erasure_job",
    metadata,
    _must("lane", Text),
    _must("partition", Integer),
    _must("tenant", _KEY),
    _must("contact_id", _KEY),
    _must("next_seq", BigInteger),
    Column("until_seq", BigInteger),
    PrimaryKeyConstraint("lane", "partition", "tenant", "contact_id"),
    comment="segments below next_seq are done; the row goes when those up to until_seq are",
)

model = Table(
    "model",
    metadata,
    _must("content_hash", Text),
    _must("name", Text),
    _must("version", Integer),
    _must("definition", JSON),
    _must("created_at", _TIME),
    PrimaryKeyConstraint("content_hash"),
    comment="immutable; definition is complete and keeps its order: json, not jsonb",
)

model_version = Table(
    "model_version",
    metadata,
    _must("tenant", _KEY),
    _must("name", _KEY),
    _must("version", Integer),
    _must("content_hash", Text),
    _must("kept_by", Text),
    _must("kept_at", _TIME),
    PrimaryKeyConstraint("tenant", "name", "version"),
    comment="what a tenant's name@version says, for ever: a row of model",
)

model_timeline = Table(
    "model_timeline",
    metadata,
    _must("partition", Integer),
    _must("tenant", _KEY),
    _must("generation", Integer),
    _must("content_hash", Text),
    _must("mode", Text),
    _must("active_from", _TIME),
    _must("activated_by", Text),
    _must("actor", Text),
    _must("decided_at", _TIME),
    Column("cursor", _KEY),
    _must("swept", Integer),
    Column("swept_at", _TIME),
    PrimaryKeyConstraint("partition", "tenant", "generation"),
    comment="activated_by: the command's id; the sweep has done contacts up to cursor",
)

command_result = Table(
    "command_result",
    metadata,
    _must("tenant", _KEY),
    _must("command_id", _KEY),
    Column("contact_id", _KEY),
    _must("type", Text),
    _must("source", Text),
    _must("actor", _KEY),
    Column("scope", Text),
    Column("fingerprint", LargeBinary),
    _must("received_at", _TIME),
    _must("state", Text),
    Column("decided_at", _TIME),
    Column("reason", Text),
    Column("message", Text),
    Column("stage", Text),
    Column("seq", Integer),
    Column("moves", JSON),
    PrimaryKeyConstraint("tenant", "command_id"),
    Index("command_result_age", "received_at"),
    Index("command_result_tenant", "tenant", "received_at", "command_id"),
    Index("command_result_contact", "tenant", "contact_id", "received_at", "command_id"),
    Index("command_result_actor", "tenant", "actor", "received_at", "command_id"),
    comment="led by no partition: a command is asked for by its id; contact_id, message, moves"
    " and seq go with an erasure",
)

lane_halt = Table(
    "lane_halt",
    metadata,
    _must("lane", Text),
    _must("partition", Integer),
    _must("reason", Text),
    _must("message", Text),
    _must("until_resumed", Boolean),
    _must("halted_at", _TIME),
    PrimaryKeyConstraint("lane", "partition"),
    comment="partitions that let nothing in; until_resumed: also after a restart, anywhere",
)

# What lists, searches and counts read (0005)


def _contact() -> tuple[Column[Any], ...]:
    return _must("partition", Integer), _must("tenant", _KEY), _must("contact_id", _KEY)


_LISTS = (
    ("in_stage", "work_order"),
    ("in_stage", "updated_at"),
    ("of_owner", "work_order"),
    ("of_owner", "updated_at"),
    ("of_account", "work_order"),
    ("of_channel", "work_order"),
    ("of_channel", "updated_at"),
    ("of_campaign", "work_order"),
    ("of_campaign", "updated_at"),
)
"""What lists are asked for, and their order; of an account they are few: those are sorted."""


def _by(facet: str, order: str) -> Index:
    name, where = f"contact_view_{facet}_{order}", text(f"{facet} IS NOT NULL")
    if facet == "in_stage":
        return Index(name, facet, order)
    return Index(name, facet, order, postgresql_where=where)


contact_view = Table(
    "contact_view",
    metadata,
    *_contact(),
    _must("stage", _KEY),
    _must("temperature", _KEY),
    _must("cycle", Integer),
    _must("is_customer", Boolean),
    _must("entered_at", _TIME),
    Column("follow_up_due", _TIME),
    _must("work_order", BigInteger),
    _must("fit", Integer),
    _must("engagement", Integer),
    _must("priority", Integer),
    Column("owner", _KEY),
    Column("account_id", _KEY),
    Column("first_channel", _KEY),
    Column("first_campaign", _KEY),
    _must("in_stage", BigInteger),
    Column("of_owner", BigInteger),
    Column("of_account", BigInteger),
    Column("of_channel", BigInteger),
    Column("of_campaign", BigInteger),
    Column("linked_to", _KEY),
    _must("updated_at", _TIME),
    PrimaryKeyConstraint("partition", "tenant", "contact_id"),
    *(_by(facet, order) for facet, order in _LISTS),
    postgresql_with={"fillfactor": "90"},
    comment="written when it changes; scores as of updated_at; in_*, of_*: domain.listing.facet_of",
)

profile = Table(
    "profile",
    metadata,
    *_contact(),
    *(Column(field, Text) for field in ("name", "email", "phone", "company")),
    *(Column(f"{field}_at", _TIME) for field in ("name", "email", "phone", "company")),
    *(Column(key, _KEY) for key in ("name_key", "name_turned", "email_key", "company_key")),
    PrimaryKeyConstraint("partition", "tenant", "contact_id"),
    *(
        Index(f"profile_{key}", "tenant", key, postgresql_where=text(f"{key} IS NOT NULL"))
        for key in ("name_key", "name_turned", "email_key", "company_key")
    ),
    postgresql_with={"fillfactor": "90"},
    comment="the only table with personal data in clear; *_at: since when it is so",
)

open_deal = Table(
    "open_deal",
    metadata,
    *_contact(),
    _must("deal_id", _KEY),
    Column("amount", Double),
    Column("currency", Text),
    Column("probability", Double),
    Column("expected_close", Text),
    PrimaryKeyConstraint("partition", "tenant", "contact_id", "deal_id"),
)

# Of both flows: partition -1 is the sum over all of them (app.storage.flow_sums)
stage_flow = Table(
    "stage_flow",
    metadata,
    _must("partition", Integer),
    _must("tenant", _KEY),
    _must("day", Date),
    _must("from_stage", _KEY),
    _must("to_stage", _KEY),
    _must("n", BigInteger),
    _must("stayed_seconds", BigInteger),
    PrimaryKeyConstraint("partition", "tenant", "day", "from_stage", "to_stage"),
    postgresql_with={"fillfactor": "50"},
    comment="standing moves by the day they were true; stayed_seconds: in from_stage, before",
)

touch_flow = Table(
    "touch_flow",
    metadata,
    _must("partition", Integer),
    _must("tenant", _KEY),
    _must("month", Date),
    _must("channel", _KEY),
    _must("campaign", _KEY),
    _must("from_stage", _KEY),
    _must("to_stage", _KEY),
    _must("n", BigInteger),
    _must("stayed_seconds", BigInteger),
    PrimaryKeyConstraint(
        "partition", "tenant", "month", "channel", "campaign", "from_stage", "to_stage"
    ),
    postgresql_with={"fillfactor": "50"},
    comment="the same by month and first touch; '': none is known",
)

_PENDING = text("state = 'pending'")

webhook = Table(
    "webhook",
    metadata,
    _must("id", Uuid),
    _must("tenant", _KEY),
    _must("url", Text),
    _must("description", Text),
    _must("types", ARRAY(Text)),
    _must("filters", JSON),
    _must("is_enabled", Boolean),
    Column("disabled_reason", Text),
    Column("failing_since", _TIME),
    Column("paused_until", _TIME),
    _must("created_at", _TIME),
    _must("created_by", Text),
    Column("deleted_at", _TIME),
    _must("secret", LargeBinary),
    Column("previous_secret", LargeBinary),
    Column("previous_until", _TIME),
    PrimaryKeyConstraint("id"),
    Index("webhook_tenant", "tenant", "created_at", "id"),
    comment="types: all where empty; secrets are sealed where a key is set",
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    _must("webhook_id", Uuid),
    _must("event_id", Text),
    _must("type", Text),
    Column("topic", Text),
    Column("source_partition", Integer),
    Column("source_offset", BigInteger),
    Column("decided_at", _TIME),
    _must("state", Text),
    _must("attempts", Integer),
    _must("due_at", _TIME),
    _must("created_at", _TIME),
    Column("tried_at", _TIME),
    Column("done_at", _TIME),
    Column("status", Integer),
    Column("failure", Text),
    Column("took_ms", Integer),
    Column("subject_digest", LargeBinary),
    Column("contact_digests", ARRAY(LargeBinary)),
    Column("body", LargeBinary),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("webhook_id", "event_id", name="delivery_webhook_event"),
    Index("delivery_webhook", "webhook_id", "id"),
    Index("delivery_due", "webhook_id", "due_at", "id", postgresql_where=_PENDING),
    Index(
        "delivery_untried",
        "webhook_id",
        "subject_digest",
        "id",
        postgresql_where=text("state = 'pending' AND tried_at IS NULL"),
    ),
    Index("delivery_waiting", "due_at", postgresql_where=_PENDING),
    Index("delivery_done", "state", "done_at", postgresql_where=text("done_at IS NOT NULL")),
    Index(
        "delivery_contacts",
        "contact_digests",
        postgresql_using="gin",
        postgresql_where=_PENDING,
    ),
    comment="body and digests only while pending; then what is left names nobody",
)

revision_floor = Table(
    "revision_floor",
    metadata,
    _must("floor", Text),
    comment="one row: the oldest revision whose release may run; funnel migrate writes it",
)

catch_up = Table(
    "catch_up",
    metadata,
    _must("lane", Text),
    _must("partition", Integer),
    _must("since_seq", BigInteger),
    _must("until_seq", BigInteger),
    _must("until_offsets", _OFFSETS),
    _must("until_as_of", _TIME),
    _must("begun_at", _TIME),
    Column("reached_seq", BigInteger),
    Column("ended_at", _TIME),
    PrimaryKeyConstraint("lane", "partition", "until_seq"),
    comment="after a restore: K as it was; batch numbers from reached_seq to it were skipped",
)
