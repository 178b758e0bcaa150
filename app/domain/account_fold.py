"""One word of a contact, folded into its account."""

from bisect import insort
from hashlib import blake2b
from typing import Final

import msgspec

from app.domain.account import (
    EVIDENCE_MAX,
    AccountChange,
    AccountHandoff,
    AccountInput,
    AccountState,
    Member,
    Role,
    Standing,
)
from app.domain.account_rules import missing_roles, roles_of, roll_up, stage_of
from app.domain.state import OPPORTUNITY

_encode: Final = msgspec.msgpack.Encoder().encode


def fold_account(
    state: AccountState,
    known: Member | None,
    told: AccountInput,
    *,
    model: str,
    hands_off: bool,
) -> AccountChange | None:
    """Take note of what a contact tells; the change of stage it makes, if it makes one.

    `known` is the contact's last word to this account, and `told` is newer (see `is_news`): the
    caller keeps it in its place. `hands_off`: entering opportunity requests a hand-off. It is
    withdrawn whenever the account leaves opportunity, whatever the model says by then.
    """
    before, after = roles_of(known), roles_of(told.member)
    if before == after:
        return None
    for role in before - after:
        _leave(state, role, told.contact_id)
    for role in after - before:
        _join(state, role, told.contact_id)
    if stage_of(state) == state.stage:
        return None
    verdict = roll_up(state)
    from_stage, state.stage = state.stage, verdict.stage
    state.seq += 1
    transition_id = _transition_id(told.tenant, told.account_id, state.seq)
    return AccountChange(
        seq=state.seq,
        transition_id=transition_id,
        from_stage=from_stage,
        to_stage=verdict.stage,
        effective_at=told.effective_at,
        contact_id=told.contact_id,
        cause=told.cause,
        guards=verdict.guards,
        evidence=verdict.evidence,
        missing_roles=missing_roles(state),
        is_customer=state.count(Role.CUSTOMER) > 0,
        contacts=state.count(Role.CONTACT),
        model=model,
        handoff=_handoff(state, transition_id, hands_off),
        traceparent=told.traceparent,
    )


def is_news(known: Member | None, told: Member) -> bool:
    """A word as old as the last one, or older, changes nothing."""
    return known is None or told.contact_version > known.contact_version


def _join(state: AccountState, role: Role, contact_id: str) -> None:
    standing = state.roles.setdefault(role, Standing())
    standing.count += 1
    insort(standing.contacts, contact_id)
    del standing.contacts[EVIDENCE_MAX:]


def _leave(state: AccountState, role: Role, contact_id: str) -> None:
    standing = state.roles[role]
    standing.count -= 1
    if contact_id in standing.contacts:
        standing.contacts.remove(contact_id)
    if not standing.count:
        del state.roles[role]


def _handoff(state: AccountState, transition_id: str, hands_off: bool) -> AccountHandoff | None:
    """After a move: what becomes of the hand-off."""
    if state.stage == OPPORTUNITY:
        if not hands_off:
            return None
        state.handoff = transition_id
        return AccountHandoff("requested", transition_id)
    if state.handoff is None:
        return None
    requested, state.handoff = state.handoff, None
    return AccountHandoff("withdrawn", requested)


def _transition_id(tenant: str, account_id: str, seq: int) -> str:
    """Nothing of an account's history is ever taken back, so its number tells a move."""
    return blake2b(_encode((tenant, account_id, seq)), digest_size=16).hexdigest()
