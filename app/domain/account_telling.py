"""How a contact stands to its account now, and what its account is to be told of it."""

from collections.abc import Sequence
from typing import Final

from app.domain.account import AccountInput
from app.domain.account_inputs import UNKNOWN, AccountTold, Teller, account_inputs
from app.domain.changes import Cause, Change
from app.domain.contact import Contact
from app.domain.entry import ROLE_MAILBOX
from app.domain.guards import decision_maker, intent_active
from app.domain.interaction import Microseconds
from app.domain.rules import Rules
from app.domain.state import LEAD, NEVER, NONE, State
from app.domain.timeline import Ruling

EXPIRED: Final = Cause("timer:account_check", "/funnel", "timer:account_check")
"""Nothing happened but that time passed: an intent or a fact no longer counts."""


def tell_account(
    contact: Contact,
    rules: Ruling,
    at: Microseconds,
    changes: Sequence[Change],
    cause: Cause | None,
) -> Sequence[AccountInput]:
    """After a batch's decisions, before the contact is stored: what differs from what was told.

    Takes note of it in the contact, and of when to look again. `cause`: of the last thing that
    happened to the contact; None: time passed.
    """
    book = contact.evidence.book
    state, told = book.state, book.told.account
    if state.account_id is None and (told is None or told[0] is None):
        return ()
    at = max(at, state.head_time)
    in_force = rules.at(at)
    now = standing(state, at, in_force)
    check_at = _until(state, now, in_force)
    if now == told and check_at == book.told.account_check:
        return ()
    change = changes[-1] if changes else None
    teller = Teller(
        contact.tenant,
        contact.contact_id,
        contact.seq,
        contact.version + 1,
        at if cause is None else state.head_time if change is None else change.effective_at,
        change.cause if change is not None else cause or EXPIRED,
        None if change is None else change.traceparent,
    )
    inputs = account_inputs(told, now, teller)
    if not inputs and now != told:
        return ()  # nothing to say for itself yet
    is_known = now == told or any(each.account_id == now[0] for each in inputs)
    book.told.account = now if is_known else UNKNOWN
    book.told.account_check = check_at
    contact.evidence.is_changed = True
    return inputs


def standing(state: State, at: Microseconds, rules: Rules) -> AccountTold:
    """Interest shown through a role mailbox makes no person a lead, but it does its account."""
    stage = state.stage
    if stage == NONE and state.known & ROLE_MAILBOX:
        stage = LEAD
    return (
        state.account_id,
        stage,
        state.is_customer,
        decision_maker(state, at, rules),
        intent_active(state, at, rules),
        bool(state.open_deals),
    )


def _until(state: State, now: AccountTold, rules: Rules) -> Microseconds:
    """When what was told may no longer be so, though nothing happens; NEVER: it stays."""
    account_id, _, _, decides, has_intent, _ = now
    ends = [NEVER]
    if account_id is not None and has_intent:
        ends.append(_end_of_intent(state, rules) + 1)
    if account_id is not None and decides:
        until = state.facts["authority"].valid_until
        if until is not None:
            ends.append(until + 1)
    return min(ends)


def _end_of_intent(state: State, rules: Rules) -> Microseconds:
    """The last moment at which the guard intent_active still holds."""
    ends = [0]
    if state.intent is not None:
        ends.append(state.intent.at + rules.terms.intent_active)
    if state.deadline is not None and not state.deadline.is_used:
        ends.append(state.deadline.due + rules.terms.deadline_grace)
    return max(ends)
