"""Whose name@version says what: a tenant's models, uploaded or activated for it.

Versions were unique among all tenants; they are each tenant's own now. Those that were activated
are taken over. Migrations go forward only: going back is restoring a backup.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "model_version",
        _must("tenant", KEY),
        _must("name", KEY),
        _must("version", sa.Integer),
        _must("content_hash", sa.Text),
        _must("kept_by", sa.Text),
        _must("kept_at", TIME),
        sa.PrimaryKeyConstraint("tenant", "name", "version"),
        comment="what a tenant's name@version says, for ever: a row of model",
    )
    op.execute("""
        INSERT INTO model_version (tenant, name, version, content_hash, kept_by, kept_at)
        SELECT DISTINCT ON (t.tenant, m.name, m.version)
               t.tenant, m.name, m.version, m.content_hash, t.actor, t.decided_at
          FROM model_timeline t JOIN model m USING (content_hash)
         ORDER BY t.tenant, m.name, m.version, t.decided_at
    """)
    op.drop_constraint("model_name_version", "model")


def _must(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
