"""Catching up after a restore: what was published and is decided again, silently.

Migrations go forward only: going back is restoring a backup.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "catch_up",
        _must("lane", sa.Text),
        _must("partition", sa.Integer),
        _must("since_seq", sa.BigInteger),
        _must("until_seq", sa.BigInteger),
        _must("until_offsets", sa.ARRAY(sa.BigInteger)),
        _must("until_as_of", TIME),
        _must("begun_at", TIME),
        sa.Column("reached_seq", sa.BigInteger),
        sa.Column("ended_at", TIME),
        sa.PrimaryKeyConstraint("lane", "partition", "until_seq"),
        comment="after a restore: K as it was; batch numbers from reached_seq to it were skipped",
    )


def _must(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
