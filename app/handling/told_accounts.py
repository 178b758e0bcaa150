"""The accounts of one batch in memory: as they were read, and as what they are told makes them."""

from app.domain.account import AccountChange, AccountInput, AccountState, Member
from app.domain.account_fold import fold_account, is_news
from app.domain.account_rules import ERASED
from app.domain.interaction import Microseconds
from app.domain.model import Rules
from app.storage.account_rows import AccountKey, AccountRow, AccountRows, MemberKey, MemberRow


class ToldAccounts:
    """The accounts of a batch, as they are and as the batch makes them."""

    def __init__(
        self,
        accounts: dict[AccountKey, tuple[int, AccountState]],
        members: dict[MemberKey, Member],
    ) -> None:
        self._accounts = accounts
        self._members = members
        self._told: dict[MemberKey, Member] = {}
        """Who said something new, in this batch."""

    def fold(self, partition: int, told: AccountInput, rules: Rules) -> AccountChange | None:
        account = (partition, told.tenant, told.account_id)
        member = (*account, told.contact_id)
        known = self._members.get(member)
        if not is_news(known, told.member):
            return None
        _, state = self._accounts.setdefault(account, (0, AccountState()))
        self._members[member] = self._told[member] = told.member
        return fold_account(
            state, known, told, model=rules.ref, hands_off=rules.terms.is_account_handoff
        )

    def store(self, rows: AccountRows, now: Microseconds) -> None:
        """What the batch changed."""
        for account in {member[:3] for member in self._told}:
            version, state = self._accounts[account]
            rows.accounts.append(AccountRow(account, version, state, now))
        for key, member in self._told.items():
            if member.left and member.stage == ERASED:
                rows.erased.append(key)
            else:
                rows.members.append(MemberRow(key, member, now))
