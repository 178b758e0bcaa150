"""Two releases side by side: the oldest revision whose release may work on this schema.

Releases before this one work on their own revision only: stop them before this migration.
Migrations go forward only: going back is restoring a backup.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

floor = "0010"


def upgrade() -> None:
    op.create_table(
        "revision_floor",
        sa.Column("floor", sa.Text, nullable=False),
        comment="one row: the oldest revision whose release may run; funnel migrate writes it",
    )
