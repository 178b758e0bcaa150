"""Accounts: what they are, who belongs to them, how they came to be so.

Migrations go forward only: going back is restoring a backup.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)
TEXTS = sa.ARRAY(sa.Text)


def upgrade() -> None:
    _accounts()
    _members()
    _history()
    # small, and never to be compressed by the server
    for table, column in [
        ("account", "state"),
        ("account_change", "guards"),
        ("account_change", "cause"),
    ]:
        op.execute(f"ALTER TABLE {table} ALTER {column} SET STORAGE EXTERNAL")


def _must(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _accounts() -> None:
    op.create_table(
        "account",
        _must("partition", sa.Integer),
        _must("tenant", KEY),
        _must("account_id", KEY),
        _must("version", sa.Integer),
        _must("stage", sa.Text),
        _must("seq", sa.Integer),
        _must("is_customer", sa.Boolean),
        _must("contacts", sa.Integer),
        _must("missing_roles", TEXTS),
        _must("told_at", TIME),
        _must("state", sa.LargeBinary),
        sa.PrimaryKeyConstraint("partition", "tenant", "account_id"),
        postgresql_with={"fillfactor": "90"},
        comment="missing_roles: the empty seats of the buying committee",
    )
    op.create_index("account_tenant", "account", ["tenant", "account_id"])


def _members() -> None:
    op.create_table(
        "account_member",
        _must("partition", sa.Integer),
        _must("tenant", KEY),
        _must("account_id", KEY),
        _must("contact_id", KEY),
        _must("contact_version", sa.Integer),
        _must("contact_seq", sa.Integer),
        _must("stage", sa.Text),
        _must("is_customer", sa.Boolean),
        _must("is_decision_maker", sa.Boolean),
        _must("has_intent", sa.Boolean),
        _must("has_open_deal", sa.Boolean),
        _must("has_left", sa.Boolean),
        _must("told_at", TIME),
        sa.PrimaryKeyConstraint("partition", "tenant", "account_id", "contact_id"),
        postgresql_with={"fillfactor": "90"},
        comment="the latest word of each contact; of one that left, its version only",
    )


def _history() -> None:
    op.create_table(
        "account_change",
        _must("partition", sa.Integer),
        _must("tenant", KEY),
        _must("account_id", KEY),
        _must("seq", sa.Integer),
        _must("transition_id", sa.Uuid),
        _must("from_stage", sa.Text),
        _must("to_stage", sa.Text),
        _must("effective_at", TIME),
        _must("decided_at", TIME),
        _must("model", sa.Text),
        sa.Column("contact_id", KEY),
        _must("evidence", TEXTS),
        _must("missing_roles", TEXTS),
        _must("is_customer", sa.Boolean),
        _must("contacts", sa.Integer),
        _must("guards", sa.LargeBinary),
        sa.Column("cause", sa.LargeBinary),
        sa.PrimaryKeyConstraint("partition", "tenant", "account_id", "seq"),
        comment="contact_id, evidence and cause lose the contacts that were erased",
    )
