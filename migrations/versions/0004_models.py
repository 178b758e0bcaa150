"""Models that were activated: what they say, and from when on each tenant's contacts follow them.

Migrations go forward only: going back is restoring a backup.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "model",
        _must("content_hash", sa.Text),
        _must("name", sa.Text),
        _must("version", sa.Integer),
        _must("definition", sa.JSON),
        _must("created_at", TIME),
        sa.PrimaryKeyConstraint("content_hash"),
        sa.UniqueConstraint("name", "version", name="model_name_version"),
        comment="immutable; definition is complete and keeps its order: json, not jsonb",
    )
    op.create_table(
        "model_timeline",
        _must("partition", sa.Integer),
        _must("tenant", KEY),
        _must("generation", sa.Integer),
        _must("content_hash", sa.Text),
        _must("mode", sa.Text),
        _must("active_from", TIME),
        _must("activated_by", sa.Text),
        _must("actor", sa.Text),
        _must("decided_at", TIME),
        sa.Column("cursor", KEY),
        _must("swept", sa.Integer),
        sa.Column("swept_at", TIME),
        sa.PrimaryKeyConstraint("partition", "tenant", "generation"),
        comment="activated_by: the command's id; the sweep has done contacts up to cursor",
    )


def _must(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
