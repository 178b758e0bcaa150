"""What became of people's commands; what dead letters say of themselves, and whether they were sent
again; partitions that wait for a person.

Migrations go forward only: going back is restoring a backup.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "command_result",
        _must("tenant", KEY),
        _must("command_id", KEY),
        sa.Column("contact_id", KEY),
        _must("type", sa.Text),
        _must("source", sa.Text),
        _must("actor", KEY),
        sa.Column("scope", sa.Text),
        sa.Column("fingerprint", sa.LargeBinary),
        _must("received_at", TIME),
        _must("state", sa.Text),
        sa.Column("decided_at", TIME),
        sa.Column("reason", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("stage", sa.Text),
        sa.Column("seq", sa.Integer),
        sa.Column("moves", sa.JSON),
        sa.PrimaryKeyConstraint("tenant", "command_id"),
        comment="led by no partition: a command is asked for by its id; contact_id, message, moves"
        " and seq go with an erasure",
    )
    for name, columns in {
        "command_result_age": ("received_at",),
        "command_result_tenant": ("tenant", "received_at", "command_id"),
        "command_result_contact": ("tenant", "contact_id", "received_at", "command_id"),
        "command_result_actor": ("tenant", "actor", "received_at", "command_id"),
    }.items():
        op.create_index(name, "command_result", list(columns))
    op.execute("ALTER TABLE command_result ALTER fingerprint SET STORAGE EXTERNAL")

    for column in (
        sa.Column("type", sa.Text),
        sa.Column("source", sa.Text),
        _must("redriven", sa.Integer, server_default=sa.text("0")),
        sa.Column("redriven_at", TIME),
        sa.Column("redriven_by", sa.Text),
    ):
        op.add_column("dead_letter", column)

    op.create_table(
        "lane_halt",
        _must("lane", sa.Text),
        _must("partition", sa.Integer),
        _must("reason", sa.Text),
        _must("message", sa.Text),
        _must("until_resumed", sa.Boolean),
        _must("halted_at", TIME),
        sa.PrimaryKeyConstraint("lane", "partition"),
        comment="partitions that let nothing in; until_resumed: also after a restart, anywhere",
    )


def _must(name: str, kind: Any, **given: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, **given)
