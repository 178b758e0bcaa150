"""Webhooks: who wants to be told what, and what is still to be delivered to whom.

Migrations go forward only: going back is restoring a backup.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)
PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.create_table(
        "webhook",
        _must("id", sa.Uuid),
        _must("tenant", KEY),
        _must("url", sa.Text),
        _must("description", sa.Text),
        _must("types", sa.ARRAY(sa.Text)),
        _must("filters", sa.JSON),
        _must("is_enabled", sa.Boolean),
        sa.Column("disabled_reason", sa.Text),
        sa.Column("failing_since", TIME),
        sa.Column("paused_until", TIME),
        _must("created_at", TIME),
        _must("created_by", sa.Text),
        sa.Column("deleted_at", TIME),
        _must("secret", sa.LargeBinary),
        sa.Column("previous_secret", sa.LargeBinary),
        sa.Column("previous_until", TIME),
        sa.PrimaryKeyConstraint("id"),
        sa.Index("webhook_tenant", "tenant", "created_at", "id"),
        comment="types: all where empty; secrets are sealed where a key is set",
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        _must("webhook_id", sa.Uuid),
        _must("event_id", sa.Text),
        _must("type", sa.Text),
        sa.Column("topic", sa.Text),
        sa.Column("source_partition", sa.Integer),
        sa.Column("source_offset", sa.BigInteger),
        sa.Column("decided_at", TIME),
        _must("state", sa.Text),
        _must("attempts", sa.Integer),
        _must("due_at", TIME),
        _must("created_at", TIME),
        sa.Column("tried_at", TIME),
        sa.Column("done_at", TIME),
        sa.Column("status", sa.Integer),
        sa.Column("failure", sa.Text),
        sa.Column("took_ms", sa.Integer),
        sa.Column("subject_digest", sa.LargeBinary),
        sa.Column("contact_digests", sa.ARRAY(sa.LargeBinary)),
        sa.Column("body", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("webhook_id", "event_id", name="delivery_webhook_event"),
        sa.Index("delivery_webhook", "webhook_id", "id"),
        sa.Index("delivery_due", "webhook_id", "due_at", "id", postgresql_where=PENDING),
        sa.Index(
            "delivery_untried",
            "webhook_id",
            "subject_digest",
            "id",
            postgresql_where=sa.text("state = 'pending' AND tried_at IS NULL"),
        ),
        sa.Index("delivery_waiting", "due_at", postgresql_where=PENDING),
        sa.Index(
            "delivery_done", "state", "done_at", postgresql_where=sa.text("done_at IS NOT NULL")
        ),
        sa.Index(
            "delivery_contacts",
            "contact_digests",
            postgresql_using="gin",
            postgresql_where=PENDING,
        ),
        comment="body and digests only while pending; then what is left names nobody",
    )
    for table, column in (
        ("webhook", "secret"),
        ("webhook", "previous_secret"),
        ("delivery", "subject_digest"),
        ("delivery", "body"),
    ):
        op.execute(f"ALTER TABLE {table} ALTER {column} SET STORAGE EXTERNAL")


def _must(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
