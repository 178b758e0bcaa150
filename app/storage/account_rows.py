"""Accounts as rows: what a batch of their lane writes and reads, and what lists and pages show."""

import msgspec

from app.domain.account import AccountChange, AccountState, Member
from app.domain.changes import Cause, GuardResult
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


class AccountSummary(msgspec.Struct, frozen=True):
    """An account as lists show it."""

    tenant: str
    account_id: str
    stage: str
    seq: int
    is_customer: bool
    contacts: int
    missing_roles: tuple[str, ...]
    told_at: Microseconds


class AccountMember(msgspec.Struct, frozen=True):
    """A contact of an account, as it last told."""

    contact_id: str
    stage: str
    is_customer: bool
    is_decision_maker: bool
    has_intent: bool
    has_open_deal: bool
    told_at: Microseconds


class PastChange(msgspec.Struct, frozen=True):
    """A row of the account's history. Contact and cause are gone where the contact was erased."""

    seq: int
    transition_id: str
    from_stage: str
    to_stage: str
    effective_at: Microseconds
    decided_at: Microseconds
    model: str
    contact_id: str | None
    cause: Cause | None
    guards: tuple[GuardResult, ...]
    evidence: tuple[str, ...]
    missing_roles: tuple[str, ...]
    is_customer: bool
    contacts: int
