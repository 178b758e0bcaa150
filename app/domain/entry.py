"""An entry of the evidence log: what the fold may know of an interaction, and no personal data.

An e-mail address in the data becomes a flag; only the fields that the model reads are kept.
"""

import re
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, Final

import msgspec

from app.domain.calendar import DAY
from app.domain.interaction import Address, Interaction, Microseconds
from app.domain.rules import InteractionType, Rules
from app.domain.state import Scalar

Fields = dict[str, Scalar]
Key = tuple[Microseconds, str, str, str]
"""(effective time, source, id, member)"""

AUTOMATED: Final = 1
BACKFILL: Final = 2
ROLE_MAILBOX: Final = 4
UNWANTED_DOMAIN: Final = 8
NOBODY: Final = AUTOMATED | ROLE_MAILBOX
"""No evidence of a person."""
KNOWN: Final = {"name": 16, "company": 32, "email": 64, "phone": 128}
"""What contact.profiled told, as flags; the values live in the profile alone."""

RETRACTED: Final = 256
"""It does not count: it was retracted."""
MAILED: Final = 512
"""An e-mail address is in it."""
ACCOUNT: Final = "@account"
"""The field that names the organisation of that address."""
STALE: Final = 7 * DAY
"""What arrives later than that after its time moves state, and tells nobody."""

FUNNEL: Final = "/funnel"
TIMER: Final = "timer:"
"""A timer's step has this source, and its name after the prefix as type and id."""

TEXT_MAX_CHARS: Final = 64
NAMES: Final = frozenset({"account_id", "actor", "domain", "user"})
"""Fields that others are shown as they were given."""
NAME_MAX_CHARS: Final = 256
INT_END: Final = 1 << 63
_REASON = re.compile(r"[A-Za-z0-9_. -]{1,40}", re.ASCII).fullmatch


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One interaction as the fold sees it."""

    time: Microseconds
    source: str
    id: str
    type: str
    flags: int
    arrived_at: Microseconds
    batch_seq: int
    ordinal: int
    fields: Fields | None = None
    channel: str | None = None
    campaign_id: str | None = None
    member: str | None = None
    """The linked identity it is of; None: the contact's own."""

    @property
    def key(self) -> Key:
        """Folding order. Python compares strings by code point, which is the UTF-8 byte order."""
        return self.time, self.source, self.id, self.member or ""

    @property
    def is_timer(self) -> bool:
        return self.type.startswith(TIMER)

    @property
    def is_quiet(self) -> bool:
        """Too old to act on: no signal, no hand-off, no service-level clock."""
        return bool(self.flags & BACKFILL) or self.arrived_at - self.time > STALE


def entry_of(
    interaction: Interaction, address: Address, kind: InteractionType, rules: Rules
) -> Entry:
    """What the log keeps of an interaction."""
    data = interaction.data
    flags = AUTOMATED if interaction.automated else 0
    if interaction.is_backfill:
        flags |= BACKFILL
    if "@" in interaction.contact_id:
        flags |= _judge(interaction.contact_id, rules)
    for value in data.values():
        if type(value) is str:
            if "@" in value:
                flags |= _judge(value, rules)
        elif type(value) is dict or type(value) is list:
            for text in _texts(value):
                if "@" in text:
                    flags |= _judge(text, rules)
    fields: Fields | None = None
    if kind.reads:
        fields = {}
        for name in kind.reads:
            if name in data:
                value = data[name]
                # what most fields hold needs no call
                if type(value) is str and len(value) <= TEXT_MAX_CHARS and name != "reason":
                    fields[name] = value
                else:
                    fields[name] = _kept(name, value)
    if flags & MAILED:
        account = _account(interaction, rules)
        if account is not None:
            fields = {**(fields or {}), ACCOUNT: account}
    channel, campaign_id = interaction.channel, interaction.campaign_id
    if kind.is_outbound:
        channel = channel or _text(data.get("channel"))
        campaign_id = campaign_id or _text(data.get("campaign_id"))
    for name in kind.flags:
        if data.get(name):
            flags |= KNOWN[name]
    return Entry(
        interaction.time,
        interaction.source,
        interaction.id,
        interaction.type,
        flags,
        interaction.arrived_at,
        address.batch_seq,
        address.ordinal,
        fields,
        channel,
        campaign_id,
    )


def _judge(address: str, rules: Rules) -> int:
    """The flags an e-mail address earns."""
    local, _, domain = address.rpartition("@")
    local = local.rpartition("<")[2].rpartition(":")[2].partition("+")[0].strip().lower()
    flags = MAILED | ROLE_MAILBOX if local in rules.role_mailboxes else MAILED
    if rules.unwanted_domains and domain.rstrip("> ").lower() in rules.unwanted_domains:
        flags |= UNWANTED_DOMAIN
    return flags


def _account(interaction: Interaction, rules: Rules) -> str | None:
    """Of the address given, else of the contact's key: the domain, which is no personal data."""
    data, form = interaction.data, interaction.data.get("fields")
    for given in (data.get("email"), form.get("email") if type(form) is dict else None):
        if type(given) is str and (account := rules.account_of(given)) is not None:
            return _text(account)
    return _text(rules.account_of(interaction.contact_id))


def _texts(value: Any) -> Iterator[str]:
    """Every string below `value`; decoding has bounded its depth."""
    if type(value) is str:
        yield value
    elif type(value) is dict:
        for part in value.values():
            yield from _texts(part)
    elif type(value) is list:
        for part in value:
            yield from _texts(part)


def _kept(name: str, value: Any) -> Scalar:
    if name == "reason":
        return value if not value or (type(value) is str and _REASON(value)) else "other"
    if type(value) is str:
        limit = NAME_MAX_CHARS if name in NAMES else TEXT_MAX_CHARS
        return value if len(value) <= limit else _text(value)
    if isinstance(value, int):
        return value if abs(value) < INT_END else None
    return value if isinstance(value, float) else None


def _text(value: Any) -> str | None:
    """A string, or a digest where it is long: entries are bounded."""
    if type(value) is not str:
        return None
    if len(value) <= TEXT_MAX_CHARS:
        return value
    return "#" + blake2b(value.encode(), digest_size=16).hexdigest()
