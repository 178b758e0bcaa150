"""What reads of accounts answer, as JSON: times as RFC 3339."""

import msgspec

from app.domain.changes import Cause, GuardResult
from app.domain.timestamps import format_rfc3339
from app.storage.account_rows import AccountMember, AccountSummary, PastChange


class Account(msgspec.Struct, frozen=True):
    account_id: str
    stage: str
    seq: int
    is_customer: bool
    contacts: int
    missing_roles: list[str]
    told_at: str
    """When a contact last told it something."""


class AccountPage(msgspec.Struct, frozen=True):
    items: list[Account]
    next: str | None


class Member(msgspec.Struct, frozen=True):
    """A contact of the account, as it last told."""

    contact_id: str
    stage: str
    is_customer: bool
    is_decision_maker: bool
    has_intent: bool
    has_open_deal: bool
    told_at: str


class AccountChange(msgspec.Struct, frozen=True):
    """Contact and cause are gone where the contact was erased."""

    seq: int
    transition_id: str
    from_stage: str
    to_stage: str
    effective_at: str
    decided_at: str
    model: str
    contact_id: str | None
    cause: Cause | None
    guards: list[GuardResult]
    evidence: list[str]
    missing_roles: list[str]
    is_customer: bool
    contacts: int


class AccountAnswer(msgspec.Struct, frozen=True):
    account: Account
    members: list[Member]
    next: str | None
    """Give it as `after` for further members; null: that was all."""
    history: list[AccountChange]
    """Its latest stage changes, newest first."""


def account(row: AccountSummary) -> Account:
    return Account(
        row.account_id,
        row.stage,
        row.seq,
        row.is_customer,
        row.contacts,
        list(row.missing_roles),
        format_rfc3339(row.told_at),
    )


def member(row: AccountMember) -> Member:
    fields = msgspec.structs.asdict(row)
    return Member(**{**fields, "told_at": format_rfc3339(row.told_at)})


def change(row: PastChange) -> AccountChange:
    fields = msgspec.structs.asdict(row)
    lists = {name: list(fields[name]) for name in ("guards", "evidence", "missing_roles")}
    times = {name: format_rfc3339(fields[name]) for name in ("effective_at", "decided_at")}
    return AccountChange(**{**fields, **lists, **times})
