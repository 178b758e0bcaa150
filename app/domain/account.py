"""An account: an organisation, as its contacts make it.

Each contact tells its account how it stands, with its version: the latest word of each contact
counts, older ones change nothing. So what an account is depends on the latest words alone; only its
history tells in which order they came.
"""

from enum import StrEnum
from typing import Final, Literal

import msgspec

from app.domain.changes import Cause, GuardResult
from app.domain.interaction import Microseconds
from app.domain.state import NONE
from app.errors import Halted

FORMAT: Final = 1
EVIDENCE_MAX: Final = 16
"""Contacts named for a role: an account may have any number of contacts."""


class Role(StrEnum):
    """What a contact may be to its account."""

    CONTACT = "contact"
    """It belongs to the account now."""
    LEAD = "lead"
    """It is, or once was, at least a lead."""
    PROSPECT = "prospect"
    """At prospect or later."""
    DECISION_MAKER = "decision_maker"
    INTENT = "intent"
    """At stage opportunity, or with an active intent."""
    OPEN_DEAL = "open_deal"
    CUSTOMER = "customer"


class Member(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A contact as its account knows it."""

    contact_version: int
    """Grows with every change of the contact."""
    contact_seq: int
    """Of its last stage-change record then."""
    stage: str
    is_customer: bool = False
    is_decision_maker: bool = False
    has_intent: bool = False
    has_open_deal: bool = False
    left: bool = False
    """It belongs to another account now, or was erased (stage `erased`)."""


class AccountInput(msgspec.Struct, frozen=True, gc=False):
    """What a contact tells its account, and why it tells it now."""

    tenant: str
    account_id: str
    contact_id: str
    member: Member
    effective_at: Microseconds
    cause: Cause
    traceparent: str | None = None


class Standing(msgspec.Struct, array_like=True, gc=False):
    """Who has a role: how many, and the first of them by key."""

    count: int = 0
    contacts: list[str] = []


class AccountState(msgspec.Struct, array_like=True, gc=False):
    """What is stored of an account, its contacts aside."""

    stage: str = NONE
    seq: int = 0
    """Of its last stage-change record; gapless."""
    roles: dict[str, Standing] = {}
    handoff: str | None = None
    """The transition_id of the hand-off that is open."""

    def count(self, role: Role) -> int:
        standing = self.roles.get(role)
        return 0 if standing is None else standing.count

    def contacts(self, role: Role) -> tuple[str, ...]:
        standing = self.roles.get(role)
        return () if standing is None else tuple(standing.contacts)


class AccountHandoff(msgspec.Struct, frozen=True, gc=False):
    kind: Literal["requested", "withdrawn"]
    transition_id: str
    """Of the transition it was requested for."""


class AccountChange(msgspec.Struct, frozen=True, gc=False):
    """One record on funnel.accounts.v1 and one row of the account's history."""

    seq: int
    transition_id: str
    from_stage: str
    to_stage: str
    effective_at: Microseconds
    contact_id: str
    """The contact whose change it is due to."""
    cause: Cause
    guards: tuple[GuardResult, ...]
    """The rules tried, in their order; the last is the one that holds."""
    evidence: tuple[str, ...]
    """Keys of the contacts that rule rests on."""
    missing_roles: tuple[str, ...]
    is_customer: bool
    contacts: int
    model: str
    handoff: AccountHandoff | None = None
    traceparent: str | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AccountState).decode


def encode_account(state: AccountState) -> bytes:
    return bytes((FORMAT,)) + _encode(state)


def decode_account(encoded: bytes) -> AccountState:
    """Raises Halted for a format that this release does not read."""
    if encoded[0] != FORMAT:
        raise Halted(
            f"an account's state has format {encoded[0]}, this release reads {FORMAT}:"
            " run the release that wrote it, or a newer one"
        )
    return _decode(encoded[1:])
