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
    UniqueConstraint("name", "version", name="model_name_version"),
    comment="immutable; definition is complete and keeps its order: json, not jsonb",
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
