"""What one batch of the account lane writes and reads, as plain rows."""

import msgspec

from app.domain.account import AccountChange, AccountState, Member
from app.domain.interaction import Microseconds

AccountKey = tuple[int, str, str]
"""(partition, tenant, account_id)"""
MemberKey = tuple[int, str, str, str]
"""(partition, tenant, account_id, contact_id)"""


class AccountRow(msgspec.Struct, frozen=True, gc=False):
    """An account after a batch."""

    key: AccountKey
    expected_version: int
    """The version the row must have now; 0: there must be no row. It becomes this + 1."""
    state: AccountState
    told_at: Microseconds


class MemberRow(msgspec.Struct, frozen=True, gc=False):
    """The latest word of a contact."""

    key: MemberKey
    member: Member
    told_at: Microseconds


class AccountChangeRow(msgspec.Struct, frozen=True, gc=False):
    key: AccountKey
    decided_at: Microseconds
    change: AccountChange


class AccountRows(msgspec.Struct):
    """Everything a batch writes about accounts."""

    accounts: list[AccountRow] = []
    members: list[MemberRow] = []
    """One for each contact of each account."""
    changes: list[AccountChangeRow] = []
    erased: list[MemberKey] = []
    """Contacts of which nothing may be left."""


class StoredAccount(msgspec.Struct, frozen=True, gc=False):
    """A row of account, as the lane needs it."""

    key: AccountKey
    version: int
    state: AccountState
