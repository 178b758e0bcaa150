"""Lanes, segments, contacts, history, dead letters, counters.

Migrations go forward only: going back is restoring a backup.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)
OFFSETS = sa.ARRAY(sa.BigInteger)


def upgrade() -> None:
    _lanes()
    _segments()
    _contacts()
    _history()
    _dead_letters()
    _counters()


def _must(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _lanes() -> None:
    op.create_table(
        "lane",
        _must("lane", sa.Text),
        _must("partitions", sa.Integer),
        _must("topics", sa.ARRAY(sa.Text)),
        _must("topic_ids", sa.ARRAY(sa.Text)),
        sa.PrimaryKeyConstraint("lane"),
        comment="home = murmur2 mod partitions; topic_ids tell a recreated topic",
    )
    op.create_table(
        "lane_partition",
        _must("lane", sa.Text),
        _must("partition", sa.Integer),
        _must("epoch", sa.BigInteger),
        sa.Column("owner", sa.Text),
        _must("batch_seq", sa.BigInteger),
        _must("next_offsets", OFFSETS),
        _must("as_of", TIME),
        _must("published_seq", sa.BigInteger),
        _must("published_offsets", OFFSETS),
        sa.PrimaryKeyConstraint("lane", "partition"),
        postgresql_with={"fillfactor": "50"},
        comment="D: batch_seq and next_offsets; K as the owner last knew it: published_*",
    )


def _segments() -> None:
    op.create_table(
        "segment",
        _must("day", sa.Date),
        _must("lane", sa.Text),
        _must("partition", sa.Integer),
        _must("batch_seq", sa.BigInteger),
        _must("next_offsets", OFFSETS),
        _must("as_of", TIME),
        _must("n", sa.Integer),
        _must("events", sa.LargeBinary),
        _must("outputs", sa.LargeBinary),
        sa.PrimaryKeyConstraint("lane", "partition", "batch_seq", "day"),
        postgresql_partition_by="RANGE (day)",
        comment="a batch: interaction log and outbox in one row, dropped a day at a time",
    )
    # compressed by the worker already
    op.execute("ALTER TABLE segment ALTER events SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE segment ALTER outputs SET STORAGE EXTERNAL")
    # a day without its partition must not stop the lane
    op.execute("CREATE TABLE segment_default PARTITION OF segment DEFAULT")


def _contacts() -> None:
    op.create_table(
        "contact",
        _must("partition", sa.Integer),
        _must("tenant", KEY),
        _must("contact_id", KEY),
        _must("version", sa.Integer),
        _must("stage", sa.Text),
        _must("seq", sa.Integer),
        sa.Column("check_at", TIME),
        _must("state", sa.LargeBinary),
        _must("log", sa.LargeBinary),
        sa.PrimaryKeyConstraint("partition", "tenant", "contact_id"),
        postgresql_with={"fillfactor": "90", "toast_tuple_target": "8160"},
    )
    op.create_index(
        "contact_check_at",
        "contact",
        ["partition", "check_at"],
        postgresql_where=sa.text("check_at IS NOT NULL"),
    )
    op.create_table(
        "contact_log",
        _must("partition", sa.Integer),
        _must("tenant", KEY),
        _must("contact_id", KEY),
        _must("chunk", sa.Integer),
        _must("body", sa.LargeBinary),
        sa.PrimaryKeyConstraint("partition", "tenant", "contact_id", "chunk"),
        comment="sealed evidence, oldest chunk 0",
    )
    # compressing these in the server costs more than it saves (and hides the log's unchanged part)
    for table, column in [("contact", "state"), ("contact", "log"), ("contact_log", "body")]:
        op.execute(f"ALTER TABLE {table} ALTER {column} SET STORAGE EXTERNAL")


def _history() -> None:
    op.create_table(
        "stage_change",
        _must("partition", sa.Integer),
        _must("seq", sa.Integer),
        _must("cycle", sa.Integer),
        _must("revision", sa.Integer),
        _must("effective_at", TIME),
        _must("decided_at", TIME),
        sa.Column("revoked_at", TIME),
        _must("late", sa.Boolean),
        _must("transition_id", sa.Uuid),
        sa.Column("revokes", sa.Uuid),
        _must("tenant", KEY),
        _must("contact_id", KEY),
        _must("kind", sa.Text),
        _must("transition", sa.Text),
        _must("from_stage", sa.Text),
        _must("to_stage", sa.Text),
        _must("stage", sa.Text),
        _must("model", sa.Text),
        _must("detail", sa.LargeBinary),
        sa.PrimaryKeyConstraint("partition", "tenant", "contact_id", "seq"),
        comment="history; detail is app.storage.detail: cause, guards, evidence, view",
    )
    op.execute("ALTER TABLE stage_change ALTER detail SET STORAGE EXTERNAL")


def _dead_letters() -> None:
    op.create_table(
        "dead_letter",
        _must("partition", sa.Integer),
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        _must("lane", sa.Text),
        _must("topic", sa.Text),
        _must("source_partition", sa.Integer),
        _must("source_offset", sa.BigInteger),
        _must("reason", sa.Text),
        _must("message", sa.Text),
        _must("exception", sa.Text),
        _must("failed_at", TIME),
        sa.Column("key", sa.LargeBinary),
        sa.Column("value", sa.LargeBinary),
        _must("headers", sa.LargeBinary),
        _must("timestamp_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("partition", "id"),
        comment="headers is MessagePack: [[name, value or nil], …]",
    )
    op.create_index("dead_letter_id", "dead_letter", ["id"])


def _counters() -> None:
    op.create_table(
        "counter",
        _must("partition", sa.Integer),
        _must("tenant", KEY),
        _must("stage", sa.Text),
        _must("n", sa.BigInteger),
        sa.PrimaryKeyConstraint("partition", "tenant", "stage"),
        postgresql_with={"fillfactor": "50"},
        comment="contacts by stage",
    )
