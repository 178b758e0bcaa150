"""What lists, searches and counts read: contacts as lists have them, profiles, deals, flows.

Contacts that were there before have a row in the lists after their next change, or after
`funnel replay --repair`.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
TIME = sa.DateTime(timezone=True)
CONTACT = ("partition", "tenant", "contact_id")


def upgrade() -> None:
    _contact_view()
    _profile()
    _open_deal()
    _flows()


def _contact_view() -> None:
    op.create_table(
        "contact_view",
        *_contact(),
        _must("stage", KEY),
        _must("temperature", KEY),
        _must("cycle", sa.Integer),
        _must("is_customer", sa.Boolean),
        _must("entered_at", TIME),
        sa.Column("follow_up_due", TIME),
        _must("work_order", sa.BigInteger),
        _must("fit", sa.Integer),
        _must("engagement", sa.Integer),
        _must("priority", sa.Integer),
        sa.Column("owner", KEY),
        sa.Column("account_id", KEY),
        sa.Column("first_channel", KEY),
        sa.Column("first_campaign", KEY),
        _must("in_stage", sa.BigInteger),
        sa.Column("of_owner", sa.BigInteger),
        sa.Column("of_account", sa.BigInteger),
        sa.Column("of_channel", sa.BigInteger),
        sa.Column("of_campaign", sa.BigInteger),
        sa.Column("linked_to", KEY),
        _must("updated_at", TIME),
        sa.PrimaryKeyConstraint(*CONTACT),
        postgresql_with={"fillfactor": "90"},
        comment="written when it changes; scores as of updated_at; in_*, of_*:"
        " domain.listing.facet_of",
    )
    for order in ("work_order", "updated_at"):
        op.create_index(f"contact_view_in_stage_{order}", "contact_view", ["in_stage", order])
        for facet in ("of_owner", "of_account", "of_channel", "of_campaign"):
            if (facet, order) != ("of_account", "updated_at"):
                op.create_index(
                    f"contact_view_{facet}_{order}",
                    "contact_view",
                    [facet, order],
                    postgresql_where=sa.text(f"{facet} IS NOT NULL"),
                )


def _profile() -> None:
    fields = ("name", "email", "phone", "company")
    keys = ("name_key", "name_turned", "email_key", "company_key")
    op.create_table(
        "profile",
        *_contact(),
        *(sa.Column(field, sa.Text) for field in fields),
        *(sa.Column(f"{field}_at", TIME) for field in fields),
        *(sa.Column(key, KEY) for key in keys),
        sa.PrimaryKeyConstraint(*CONTACT),
        postgresql_with={"fillfactor": "90"},
        comment="the only table with personal data in clear; *_at: since when it is so",
    )
    for key in keys:
        op.create_index(
            f"profile_{key}",
            "profile",
            ["tenant", key],
            postgresql_where=sa.text(f"{key} IS NOT NULL"),
        )


def _open_deal() -> None:
    op.create_table(
        "open_deal",
        *_contact(),
        _must("deal_id", KEY),
        sa.Column("amount", sa.Double),
        sa.Column("currency", sa.Text),
        sa.Column("probability", sa.Double),
        sa.Column("expected_close", sa.Text),
        sa.PrimaryKeyConstraint(*CONTACT, "deal_id"),
    )


def _flows() -> None:
    op.create_table(
        "stage_flow",
        _must("partition", sa.Integer),
        _must("tenant", KEY),
        _must("day", sa.Date),
        *_counted(),
        sa.PrimaryKeyConstraint("partition", "tenant", "day", "from_stage", "to_stage"),
        postgresql_with={"fillfactor": "50"},
        comment="standing moves by the day they were true; stayed_seconds: in from_stage, before",
    )
    op.create_table(
        "touch_flow",
        _must("partition", sa.Integer),
        _must("tenant", KEY),
        _must("month", sa.Date),
        _must("channel", KEY),
        _must("campaign", KEY),
        *_counted(),
        sa.PrimaryKeyConstraint(
            "partition", "tenant", "month", "channel", "campaign", "from_stage", "to_stage"
        ),
        postgresql_with={"fillfactor": "50"},
        comment="the same by month and first touch; '': none is known",
    )


def _counted() -> tuple[sa.Column[Any], ...]:
    return (
        _must("from_stage", KEY),
        _must("to_stage", KEY),
        _must("n", sa.BigInteger),
        _must("stayed_seconds", sa.BigInteger),
    )


def _contact() -> tuple[sa.Column[Any], ...]:
    return _must("partition", sa.Integer), _must("tenant", KEY), _must("contact_id", KEY)


def _must(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
