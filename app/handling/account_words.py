"""A contact's word to its account as it stands on funnel.account-inputs.v1: one flat JSON object.

Internal: only lanes write it and read it. A release reads what its predecessor wrote, so fields
are only ever added, with defaults; unknown ones are passed over.
"""

from typing import Annotated, Final

import msgspec

from app.domain.account import AccountInput, Member
from app.domain.changes import Cause
from app.domain.timestamps import format_rfc3339, parse_rfc3339

_Key = Annotated[str, msgspec.Meta(min_length=1)]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


class AccountWord(msgspec.Struct, frozen=True, gc=False):
    tenant: _Key
    account_id: _Key
    contact_id: _Key
    contact_version: _Count
    contact_seq: _Count
    stage: _Key
    is_customer: bool
    is_decision_maker: bool
    has_intent: bool
    has_open_deal: bool
    left: bool
    effective_at: str
    cause: Cause
    traceparent: str | None = None


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(AccountWord).decode


def write_word(told: AccountInput) -> bytes:
    member = told.member
    return _encode(
        AccountWord(
            told.tenant,
            told.account_id,
            told.contact_id,
            member.contact_version,
            member.contact_seq,
            member.stage,
            member.is_customer,
            member.is_decision_maker,
            member.has_intent,
            member.has_open_deal,
            member.left,
            format_rfc3339(told.effective_at),
            told.cause,
            told.traceparent,
        )
    )


def read_word(value: bytes) -> AccountInput:
    """Raises msgspec.DecodeError (no JSON) and its ValidationError (not of this form)."""
    word = _decode(value)
    effective_at = parse_rfc3339(word.effective_at)
    if effective_at is None:
        raise msgspec.ValidationError("Expected an RFC 3339 date-time - at `$.effective_at`")
    if b"\\u0000" in value:  # the only way JSON has for it
        for name in ("tenant", "account_id", "contact_id", "stage"):
            if "\0" in getattr(word, name):
                raise msgspec.ValidationError(f"Expected no NUL - at `$.{name}`")
    member = Member(
        word.contact_version,
        word.contact_seq,
        word.stage,
        word.is_customer,
        word.is_decision_maker,
        word.has_intent,
        word.has_open_deal,
        word.left,
    )
    return AccountInput(
        word.tenant,
        word.account_id,
        word.contact_id,
        member,
        effective_at,
        word.cause,
        word.traceparent,
    )
