"""What a contact has to tell its account: the difference between what it last said and now."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from app.domain.account import AccountInput, Member
from app.domain.account_rules import ERASED
from app.domain.changes import Cause
from app.domain.interaction import Microseconds
from app.domain.state import NONE

AccountTold = tuple[str | None, str, bool, bool, bool, bool]
"""(account, stage, is a customer, decides, has an intent, has an open deal)"""

UNKNOWN: Final[AccountTold] = (None, NONE, False, False, False, False)
"""Nobody was told anything yet."""


class Teller(NamedTuple):
    """The contact that tells, and why now."""

    tenant: str
    contact_id: str
    contact_seq: int
    contact_version: int
    """As it is once this is stored: it grows with every change."""
    effective_at: Microseconds
    cause: Cause
    traceparent: str | None = None


def account_inputs(
    before: AccountTold | None,
    after: AccountTold,
    teller: Teller,
    earlier: Sequence[str] = (),
) -> list[AccountInput]:
    """To the account that the contact was in, that it has left; to the one it is in, how it stands.

    `before` is what was last told. A contact that has nothing to say for itself (no stage, no fact)
    is not told of until it has. `earlier`: accounts it was in before that one; only its erasure is
    told to them, too.
    """
    old = UNKNOWN if before is None else before
    account_id, stage = after[:2]
    if old == after:
        return []
    is_erased = stage == ERASED
    told = []
    if old[0] is not None and (is_erased or old[0] != account_id):
        told.append(_input(old[0], after, teller, left=True))
    if is_erased:
        told += [_input(each, after, teller, left=True) for each in earlier if each != old[0]]
    elif account_id is not None and (old[0] == account_id or after[1:] != UNKNOWN[1:]):
        told.append(_input(account_id, after, teller, left=False))
    return told


def _input(account_id: str, after: AccountTold, teller: Teller, *, left: bool) -> AccountInput:
    """Who has left has no standing there: nothing more is told than that."""
    _, stage, is_customer, is_decision_maker, has_intent, has_open_deal = after
    version, seq = teller.contact_version, teller.contact_seq
    member = (
        Member(version, seq, ERASED if stage == ERASED else NONE, left=True)
        if left
        else Member(version, seq, stage, is_customer, is_decision_maker, has_intent, has_open_deal)
    )
    return AccountInput(
        teller.tenant,
        account_id,
        teller.contact_id,
        member,
        teller.effective_at,
        teller.cause,
        teller.traceparent,
    )
