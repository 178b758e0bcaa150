"""Loading accounts for their fold: all that a batch needs, in two statements."""

from collections.abc import Collection
from typing import Final

import asyncpg

from app.domain.account import Member, decode_account
from app.errors import Halted
from app.storage.account_rows import AccountKey, MemberKey, StoredAccount
from app.storage.faults import reading

_ACCOUNTS: Final = """
SELECT a.partition, a.tenant, a.account_id, a.version, a.state
  FROM unnest($1::integer[], $2::text[], $3::text[]) AS k (partition, tenant, account_id)
  JOIN account AS a
    ON a.partition = k.partition AND a.tenant = k.tenant AND a.account_id = k.account_id
"""

_MEMBERS: Final = """
SELECT m.partition, m.tenant, m.account_id, m.contact_id, m.contact_version, m.contact_seq, m.stage,
       m.is_customer, m.is_decision_maker, m.has_intent, m.has_open_deal, m.has_left
  FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[])
    AS k (partition, tenant, account_id, contact_id)
  JOIN account_member AS m
    ON m.partition = k.partition AND m.tenant = k.tenant AND m.account_id = k.account_id
   AND m.contact_id = k.contact_id
"""


async def load_accounts(
    connection: asyncpg.Connection, keys: Collection[AccountKey]
) -> list[StoredAccount]:
    """Those that exist. Raises Unavailable, RowRejected (a key PostgreSQL can't hold), Halted."""
    if not keys:
        return []
    with reading("loading accounts"):
        rows = await connection.fetch(_ACCOUNTS, *zip(*sorted(keys), strict=True))
    return [_stored(row) for row in rows]


def _stored(row: asyncpg.Record) -> StoredAccount:
    try:
        return StoredAccount(tuple(row)[:3], row["version"], decode_account(row["state"]))
    except Halted as halted:
        partition = row["partition"]
        raise Halted(f"partition {partition}: {halted}", partition) from halted


async def load_members(
    connection: asyncpg.Connection, keys: Collection[MemberKey]
) -> dict[MemberKey, Member]:
    """The last words of these contacts to these accounts, where they have said any."""
    if not keys:
        return {}
    with reading("loading members of accounts"):
        rows = await connection.fetch(_MEMBERS, *zip(*sorted(keys), strict=True))
    return {tuple(row)[:4]: Member(*tuple(row)[4:]) for row in rows}
