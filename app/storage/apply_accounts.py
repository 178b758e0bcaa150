"""The accounts' part of an apply. Runs in the apply's transaction, after its fence.

Accounts are guarded by their version, as contacts are: what belongs to one (its contacts, its
history) changes only together with it. Rows go in the order of their keys.
"""

from typing import Any, Final

import asyncpg
import msgspec

from app.domain.account import Member, Role, encode_account
from app.domain.account_rules import missing_roles
from app.errors import Unclean
from app.failpoints import Failpoint, hit
from app.storage.account_rows import AccountChangeRow, AccountRow, AccountRows, MemberRow

_ACCOUNT: Final = """
INSERT INTO account AS a (partition, tenant, account_id, version, stage, seq, is_customer, contacts,
    missing_roles, told_at, state)
SELECT s.partition, s.tenant, s.account_id, s.version, s.stage, s.seq, s.is_customer, s.contacts,
       string_to_array(s.missing_roles, ','), s.told_at, s.state
  FROM unnest($1::integer[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::integer[],
              $7::boolean[], $8::integer[], $9::text[], $10::timestamptz[], $11::bytea[])
    AS s (partition, tenant, account_id, version, stage, seq, is_customer, contacts, missing_roles,
          told_at, state)
 WHERE s.version = 1 OR EXISTS (
       SELECT FROM account AS o WHERE o.partition = s.partition AND o.tenant = s.tenant
          AND o.account_id = s.account_id)
    ON CONFLICT (partition, tenant, account_id) DO UPDATE SET
       version = excluded.version, stage = excluded.stage, seq = excluded.seq,
       is_customer = excluded.is_customer, contacts = excluded.contacts,
       missing_roles = excluded.missing_roles, told_at = excluded.told_at, state = excluded.state
 WHERE a.version = excluded.version - 1
"""

_MEMBER: Final = """
INSERT INTO account_member AS m (partition, tenant, account_id, contact_id, contact_version,
    contact_seq, stage, is_customer, is_decision_maker, has_intent, has_open_deal, has_left,
    told_at)
SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::integer[],
    $6::integer[], $7::text[], $8::boolean[], $9::boolean[], $10::boolean[], $11::boolean[],
    $12::boolean[], $13::timestamptz[])
    ON CONFLICT (partition, tenant, account_id, contact_id) DO UPDATE SET
       contact_version = excluded.contact_version, contact_seq = excluded.contact_seq,
       stage = excluded.stage, is_customer = excluded.is_customer,
       is_decision_maker = excluded.is_decision_maker, has_intent = excluded.has_intent,
       has_open_deal = excluded.has_open_deal, has_left = excluded.has_left,
       told_at = excluded.told_at
 WHERE m.contact_version < excluded.contact_version
"""

_CHANGE_COLUMNS: Final = (
    "partition", "tenant", "account_id", "seq", "transition_id", "from_stage", "to_stage",
    "effective_at", "decided_at", "model", "contact_id", "evidence", "missing_roles",
    "is_customer", "contacts", "guards", "cause",
)  # fmt: skip

_FORGET: Final = (
    "DELETE FROM account_member"
    " WHERE partition = $1 AND tenant = $2 AND account_id = $3 AND contact_id = $4",
    "UPDATE account_change SET evidence = array_remove(evidence, $4)"
    " WHERE partition = $1 AND tenant = $2 AND account_id = $3 AND $4 = ANY (evidence)",
    "UPDATE account_change SET contact_id = NULL, cause = NULL"
    " WHERE partition = $1 AND tenant = $2 AND account_id = $3 AND contact_id = $4",
)

_encode = msgspec.msgpack.Encoder().encode


async def write(connection: asyncpg.Connection, rows: AccountRows) -> None:
    """Raises Unclean where an account is not at the version it was decided from."""
    if rows.accounts:
        await _write_accounts(connection, sorted(rows.accounts, key=lambda row: row.key))
    if rows.members:
        members = sorted(map(_member, rows.members))
        hit(Failpoint.APPLY_BEFORE_ACCOUNTS)
        await connection.execute(_MEMBER, *zip(*members, strict=True))
    if rows.changes:
        changes = [_change(row) for row in rows.changes]
        hit(Failpoint.APPLY_BEFORE_ACCOUNTS)
        await connection.copy_records_to_table(
            "account_change", records=changes, columns=_CHANGE_COLUMNS
        )
    for statement in _FORGET if rows.erased else ():
        hit(Failpoint.APPLY_BEFORE_ACCOUNTS)
        await connection.executemany(statement, sorted(rows.erased))


async def _write_accounts(connection: asyncpg.Connection, rows: list[AccountRow]) -> None:
    columns = zip(*map(_account, rows), strict=True)
    hit(Failpoint.APPLY_BEFORE_ACCOUNTS)
    status = await connection.execute(_ACCOUNT, *columns)
    if status != f"INSERT 0 {len(rows)}":
        raise Unclean(
            f"{len(rows)} accounts were to change, PostgreSQL says {status}: rows have another"
            " version than this incarnation has read"
        )


def _account(row: AccountRow) -> tuple[Any, ...]:
    state = row.state
    return (
        *row.key,
        row.expected_version + 1,
        state.stage,
        state.seq,
        state.count(Role.CUSTOMER) > 0,
        state.count(Role.CONTACT),
        ",".join(missing_roles(state)),
        row.told_at,
        encode_account(state),
    )


def _member(row: MemberRow) -> tuple[Any, ...]:
    member: Member = row.member
    return (*row.key, *msgspec.structs.astuple(member), row.told_at)


def _change(row: AccountChangeRow) -> tuple[Any, ...]:
    change = row.change
    return (
        *row.key,
        change.seq,
        change.transition_id,
        change.from_stage,
        change.to_stage,
        change.effective_at,
        row.decided_at,
        change.model,
        change.contact_id,
        list(change.evidence),
        list(change.missing_roles),
        change.is_customer,
        change.contacts,
        _encode(change.guards),
        _encode(change.cause),
    )
