"""What the account lane's applies leave in PostgreSQL, and how it is read."""

from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.account import AccountChange, AccountState, Member
from app.domain.account_fold import fold_account
from app.errors import Unclean
from app.storage import account_queries
from app.storage.account_rows import AccountChangeRow, AccountRow, AccountRows, MemberRow
from app.storage.accounts import load_accounts, load_members
from tests.storage.batches import NOW, applied, batch
from tests.unit.domain.accounts import ACCOUNT, word

KEY = (0, "default", ACCOUNT)


def told(
    state: AccountState,
    contact_id: str,
    version: int = 1,
    *,
    known: Member | None = None,
    **standing: Any,
) -> tuple[MemberRow, AccountChange | None]:
    """Folds a contact's word into the account: the row it leaves, and the change."""
    said = word(contact_id, version, **standing)
    change = fold_account(state, known, said, model="b2b-default@1", hands_off=False)
    return MemberRow((*KEY, contact_id), said.member, NOW), change


def rows(
    state: AccountState,
    *members: MemberRow,
    version: int = 0,
    changes: list[AccountChange] | None = None,
) -> AccountRows:
    return AccountRows(
        accounts=[AccountRow(KEY, version, state, NOW)],
        members=list(members),
        changes=[AccountChangeRow(KEY, NOW, change) for change in changes or []],
    )


async def committee(mine: asyncpg.Connection) -> AccountState:
    """An account that two contacts made an opportunity; version 1, batch 1."""
    state = AccountState()
    ann, lead = told(state, "ann", stage="opportunity")
    bob, opportunity = told(state, "bob", stage="prospect", is_decision_maker=True)
    assert lead is not None
    assert opportunity is not None
    await applied(mine, batch(accounts=rows(state, ann, bob, changes=[lead, opportunity])))
    return state


async def test_an_account_is_stored_with_its_roll_up(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await committee(mine)
    (account,) = await account_queries.accounts(reads, "default", limit=10)
    assert account == await account_queries.account(reads, *KEY)
    assert (account.account_id, account.stage, account.seq) == (ACCOUNT, "opportunity", 2)
    assert (account.contacts, account.is_customer, account.missing_roles) == (2, False, ())


async def test_missing_roles_are_kept_by_name(mine: asyncpg.Connection, reads: AsyncEngine) -> None:
    state = AccountState()
    ann, _ = told(state, "ann", stage="opportunity")
    await applied(mine, batch(accounts=rows(state, ann)))
    account = await account_queries.account(reads, *KEY)
    assert account is not None
    assert account.missing_roles == ("second_prospect", "decision_maker")


async def test_what_was_stored_is_loaded_for_the_next_fold(mine: asyncpg.Connection) -> None:
    state = await committee(mine)
    (stored,) = await load_accounts(mine, {KEY, (0, "default", "unknown.example")})
    assert (stored.key, stored.version, stored.state) == (KEY, 1, state)
    members = await load_members(mine, {(*KEY, "bob"), (*KEY, "nobody")})
    assert members == {(*KEY, "bob"): Member(1, 1, "prospect", is_decision_maker=True)}


async def test_nothing_is_loaded_for_nobody(mine: asyncpg.Connection) -> None:
    assert await load_accounts(mine, []) == []
    assert await load_members(mine, []) == {}


async def test_history_tells_what_moved_the_account_and_why(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await committee(mine)
    latest, first = await account_queries.account_history(reads, *KEY, limit=10)
    assert [(row.seq, row.to_stage) for row in (first, latest)] == [
        (1, "prospect"),
        (2, "opportunity"),
    ]
    assert (latest.contact_id, latest.evidence) == ("bob", ("ann", "bob"))
    assert latest.cause is not None
    assert latest.cause.event_id == "bob-1"
    assert [guard.guard for guard in latest.guards] == ["committee"]


async def test_members_are_those_who_have_not_left(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    state = await committee(mine)
    gone, _ = told(state, "bob", 2, stage="none", left=True)
    await applied(mine, batch(2, accounts=rows(state, gone, version=1)))
    members = await account_queries.members(reads, *KEY, limit=10)
    assert [(member.contact_id, member.stage) for member in members] == [("ann", "opportunity")]


@pytest.mark.parametrize("version", [0, 2])
async def test_an_account_at_another_version_than_was_read_is_unclean(
    mine: asyncpg.Connection, reads: AsyncEngine, version: int
) -> None:
    state = await committee(mine)
    ann, _ = told(state, "ann", 2, stage="recycled")
    with pytest.raises(Unclean, match="another version"):
        await applied(mine, batch(2, accounts=rows(state, ann, version=version)))
    account = await account_queries.account(reads, *KEY)
    assert account is not None
    assert account.stage == "opportunity"


async def test_an_account_whose_row_is_gone_is_unclean(
    mine: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    state = await committee(mine)
    await other.execute("DELETE FROM account")
    with pytest.raises(Unclean):
        await applied(mine, batch(2, accounts=rows(state, version=1)))


async def test_nothing_of_an_erased_contact_is_left(
    mine: asyncpg.Connection, reads: AsyncEngine, other: asyncpg.Connection
) -> None:
    state = await committee(mine)
    bob = Member(1, 1, "prospect", is_decision_maker=True)
    told(state, "bob", 2, known=bob, stage="erased", left=True)
    erasing = rows(state, version=1)
    erasing.erased = [(*KEY, "bob")]
    await applied(mine, batch(2, accounts=erasing))
    latest, first = await account_queries.account_history(reads, *KEY, limit=10)
    assert (latest.contact_id, latest.cause, latest.evidence) == (None, None, ("ann",))
    assert first.contact_id == "ann"
    (left,) = await account_queries.members(reads, *KEY, limit=9)
    assert left.contact_id == "ann"
    for table in ("account", "account_member", "account_change"):
        found = await other.fetchval(
            f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%bob%'"
            f" OR t::text LIKE '%' || encode('bob', 'hex') || '%'"
        )
        assert found == 0, table


async def test_accounts_are_listed_by_key_stage_and_page(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    made = AccountRows()
    for number, stage in enumerate(("lead", "prospect", "lead")):
        key = (0, "default", f"firm{number}.example")
        made.accounts.append(AccountRow(key, 0, AccountState(stage, 1), NOW))
    await applied(mine, batch(accounts=made))

    async def names(**query: Any) -> list[str]:
        listed = await account_queries.accounts(reads, "default", **{"limit": 10, **query})
        return [account.account_id for account in listed]

    assert await names() == ["firm0.example", "firm1.example", "firm2.example"]
    assert await names(stage="lead") == ["firm0.example", "firm2.example"]
    assert await names(after="firm0.example", limit=1) == ["firm1.example"]
    assert await account_queries.accounts(reads, "other", limit=10) == []
