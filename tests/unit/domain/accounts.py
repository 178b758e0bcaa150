"""Words of contacts to their account, for tests."""

from typing import Any

from app.domain.account import AccountChange, AccountInput, AccountState, Member
from app.domain.account_fold import fold_account, is_news
from app.domain.changes import Cause

NOW = 1_790_000_000_000_000
ACCOUNT = "firm.example"


def word(contact_id: str = "ann", version: int = 1, **standing: Any) -> AccountInput:
    """`contact_id` says how it stands: a lead, unless told otherwise."""
    member = Member(**{"contact_version": version, "contact_seq": 1, "stage": "lead", **standing})
    cause = Cause(f"{contact_id}-{version}", "https://shop.example/forms", "demo.requested")
    return AccountInput("default", ACCOUNT, contact_id, member, NOW + version, cause)


class Account:
    """Folds what it is told, as the lane does."""

    def __init__(self, *told: AccountInput, hands_off: bool = False) -> None:
        self.state = AccountState()
        self.members: dict[str, Member] = {}
        self.changes: list[AccountChange] = []
        self.hands_off = hands_off
        for each in told:
            self.hear(each)

    def hear(self, told: AccountInput) -> AccountChange | None:
        known = self.members.get(told.contact_id)
        if not is_news(known, told.member):
            return None
        change = fold_account(
            self.state, known, told, model="b2b-default@1", hands_off=self.hands_off
        )
        self.members[told.contact_id] = told.member
        if change is not None:
            self.changes.append(change)
        return change
