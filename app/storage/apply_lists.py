"""The part of an apply that lists, searches and counts read. In its transaction, after the fence.

Contacts were guarded by their version before; their rows here change only together with them.
Rows go in the order of their keys.
"""

from typing import Final

import asyncpg

from app.domain.listing import Deals
from app.domain.personal import FIELDS, search_key, turned
from app.failpoints import Failpoint, hit
from app.storage.copy_listing import LISTING_COLUMNS, listing_rows
from app.storage.rows import ApplyBatch, DealsRow, ListingRow, ProfileRow

STAGING: Final = """
CREATE TEMPORARY TABLE staged_listing (
    partition integer NOT NULL, cycle integer NOT NULL, fit integer NOT NULL,
    engagement integer NOT NULL, priority integer NOT NULL, work_order bigint NOT NULL,
    entered_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, in_stage bigint NOT NULL,
    is_customer boolean NOT NULL, follow_up_due timestamptz, contact_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL, stage text NOT NULL, temperature text NOT NULL, owner text,
    of_owner bigint, account_id text, of_account bigint, first_channel text, of_channel bigint,
    first_campaign text, of_campaign bigint, linked_to text
) ON COMMIT DELETE ROWS
"""

_KEY: Final = ("partition", "tenant", "contact_id")
_REST: Final = tuple(name for name in LISTING_COLUMNS if name not in _KEY)
MERGE: Final = f"""
MERGE INTO contact_view AS v USING staged_listing AS s
   ON v.partition = s.partition AND v.tenant = s.tenant AND v.contact_id = s.contact_id
 WHEN MATCHED THEN UPDATE SET {", ".join(f"{name} = s.{name}" for name in _REST)}
 WHEN NOT MATCHED THEN INSERT ({", ".join(LISTING_COLUMNS)})
      VALUES ({", ".join(f"s.{name}" for name in LISTING_COLUMNS)})
"""  # noqa: S608 - names of columns

_TOLD: Final = {
    "name": ("name", "name_key", "name_turned"),
    "email": ("email", "email_key"),
    "phone": ("phone",),
    "company": ("company", "company_key"),
}
"""Of each field, the columns that go with it."""
_PROFILE_COLUMNS: Final = (
    *_KEY,
    *(f"{field}_at" for field in FIELDS),
    *(column for field in FIELDS for column in _TOLD[field]),
)


def _if_newer(field: str, column: str) -> str:
    return (
        f"{column} = CASE WHEN excluded.{field}_at >= p.{field}_at OR p.{field}_at IS NULL"
        f" THEN excluded.{column} ELSE p.{column} END"
    )


_PROFILE: Final = f"""
INSERT INTO profile AS p ({", ".join(_PROFILE_COLUMNS)})
VALUES ({", ".join(f"${n}" for n in range(1, len(_PROFILE_COLUMNS) + 1))})
    ON CONFLICT (partition, tenant, contact_id) DO UPDATE SET
       {", ".join(_if_newer(field, name) for field in FIELDS for name in _TOLD[field])},
       {", ".join(f"{each}_at = greatest(p.{each}_at, excluded.{each}_at)" for each in FIELDS)}
"""  # noqa: S608 - names of columns

_FORGET_ROW: Final = """
DELETE FROM contact_view WHERE partition = $1 AND tenant = $2 AND contact_id = $3
"""
_FORGET_DEALS: Final = """
DELETE FROM open_deal WHERE partition = $1 AND tenant = $2 AND contact_id = $3
"""
_DEAL: Final = """
INSERT INTO open_deal (partition, tenant, contact_id, deal_id, amount, currency, probability,
    expected_close) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""


async def write(connection: asyncpg.Connection, batch: ApplyBatch) -> None:
    """What few batches have; their rows of the lists are merged together with the contacts."""
    if batch.profiles:
        rows = sorted(batch.profiles, key=lambda row: (row.partition, row.tenant, row.contact_id))
        hit(Failpoint.APPLY_BEFORE_LISTS)
        await connection.executemany(_PROFILE, list(map(_profile, rows)))
    if batch.deals:
        await _write_deals(connection, batch.deals)


async def _write_deals(connection: asyncpg.Connection, rows: list[DealsRow]) -> None:
    rows = sorted(rows, key=lambda row: (row.partition, row.tenant, row.contact_id))
    hit(Failpoint.APPLY_BEFORE_LISTS)
    await connection.executemany(
        _FORGET_DEALS, [(row.partition, row.tenant, row.contact_id) for row in rows]
    )
    if deals := [values for row in rows for values in deal_rows(row.deals, row)]:
        hit(Failpoint.APPLY_BEFORE_LISTS)
        await connection.executemany(_DEAL, deals)


async def rewrite(connection: asyncpg.Connection, row: ListingRow, deals: DealsRow) -> None:
    """Of a contact that is repaired: whatever stood there."""
    hit(Failpoint.APPLY_BEFORE_LISTS)
    await connection.execute(_FORGET_ROW, row.partition, row.tenant, row.contact_id)
    packed = listing_rows([row])
    await connection.copy_to_table(
        "contact_view",
        source=memoryview(packed),  # type: ignore[arg-type] # a buffer will do; bytes are a path
        columns=LISTING_COLUMNS,
        format="binary",
    )
    await _write_deals(connection, [deals])


def deal_rows(deals: Deals, row: DealsRow) -> list[tuple[object, ...]]:
    key = (row.partition, row.tenant, row.contact_id)
    return [
        (*key, name, deal.amount, deal.currency, deal.probability, deal.expected_close)
        for name, deal in deals
    ]


def _profile(row: ProfileRow) -> tuple[object, ...]:
    told = row.told
    values = {field: told[field][0] for field in told}
    keys = {field: search_key(value) for field, value in values.items()}
    name_key = keys.get("name")
    return (
        row.partition, row.tenant, row.contact_id,
        *(told[field][1] if field in told else None for field in FIELDS),
        values.get("name"), name_key, turned(name_key) if name_key else None,
        values.get("email"), keys.get("email"),
        values.get("phone"),
        values.get("company"), keys.get("company"),
    )  # fmt: skip
