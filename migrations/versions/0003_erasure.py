"""Erasure: who was erased, as keyed hashes, and where their records are still to be blanked.

Migrations go forward only: going back is restoring a backup.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "erasure_key",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        _must("secret", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id"),
        comment="one row, made when it is first needed: without it the hashes say nothing",
    )
    op.create_table(
        "erased",
        _must("digest", sa.LargeBinary),
        _must("erased_at", TIME),
        sa.PrimaryKeyConstraint("digest"),
        comment="HMAC of the routing key; led by no partition: a hash can't be given a new home",
    )
    op.create_table(
        "erasure_job",
        _must("lane", sa.Text),
        _must("partition", sa.Integer),
        _must("tenant", KEY),
        _must("contact_id", KEY),
        _must("next_seq", sa.BigInteger),
        sa.Column("until_seq", sa.BigInteger),
        sa.PrimaryKeyConstraint("lane", "partition", "tenant", "contact_id"),
        comment="segments below next_seq are done; the row goes when those up to until_seq are",
    )
    for table, column in [("erasure_key", "secret"), ("erased", "digest")]:
        op.execute(f"ALTER TABLE {table} ALTER {column} SET STORAGE EXTERNAL")


def _must(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
