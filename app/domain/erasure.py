"""Erasure: what is told of a contact of which nothing is left, for the last time.

T18 is no transition of the model. It has no guard, no priority and no past: it leaves whatever
stage is held when it arrives, a model can't leave it out, and no later fold may revoke it. So the
stage `erased` and T18 are the same in every model and stand here, with their words.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

import msgspec

from app.domain.account import AccountInput
from app.domain.account_inputs import AccountTold, Teller, account_inputs
from app.domain.changes import Cause, Change, Command, Signal, View
from app.domain.contact import Contact
from app.domain.entry import ACCOUNT
from app.domain.forgetting import about_erased, digest_of_key, ever_linked, refused
from app.domain.history import Identity, transition_id
from app.domain.identity import EVIDENCE, WITHDRAWN, whole_log
from app.domain.interaction import Interaction, Microseconds
from app.domain.state import OPPORTUNITY
from app.domain.timeline import Ruling

ERASED: Final = "erased"
T18: Final = "T18"
ERASURE: Final = "privacy.erasure_requested"
STAGE_WORDS: Final = "The person asked to be forgotten: nothing personal is left."
TRANSITION_WORDS: Final = "A person asked us to forget them."

ERASED_MAX: Final = 256
"""Digests of keys that a request for linked ones carries."""
_ACCOUNT_LINKED: Final = "account.linked"
_encode: Final = msgspec.json.Encoder().encode


class Notice(msgspec.Struct, frozen=True, gc=False):
    """The contact's last record on funnel.stage-changes.v1."""

    seq: int
    cycle: int
    from_stage: str
    transition_id: str
    effective_at: Microseconds
    model: str
    cause: Cause
    request_id: str
    traceparent: str | None


class Erasure(msgspec.Struct, frozen=True, gc=False):
    """Nothing in it is personal but the key."""

    version: int
    """Of the contact's row when it goes; 0: there is none."""
    change: Change
    """T18."""
    withdrawn: Signal | None
    """The hand-off that was open."""
    notice: Notice
    words: list[AccountInput]
    """To every account it ever belonged to."""
    commands: list[Command]
    """To the identities that are linked to it."""


def erase(contact: Contact, interaction: Interaction, rules: Ruling) -> Erasure:
    """The contact forgets everything. Its sealed chunks are loaded if it has any."""
    book, version = contact.book, contact.version
    state = book.state
    effective_at = max(interaction.time, state.head_time)
    from_stage, cycle = contact.stage, state.cycle
    move: Identity = (from_stage, ERASED, cycle, state.moves.get(f"{from_stage}>{ERASED}", 0))
    cause = Cause(interaction.id, interaction.source, interaction.type)
    view = _view(cycle)
    change = Change(
        kind="changed",
        seq=contact.seq + 1,
        revision=0,
        transition_id=transition_id(contact.tenant, contact.contact_id, move),
        transition=T18,
        from_stage=from_stage,
        to_stage=ERASED,
        cycle=cycle,
        effective_at=effective_at,
        late=False,
        cause=cause,
        guards=(),
        evidence=(),
        view=view,
        model=rules.at(effective_at).ref,
        traceparent=interaction.traceparent,
        opportunity="closed" if from_stage == OPPORTUNITY else None,
        outcome=ERASED if from_stage == OPPORTUNITY else None,
    )
    erasure = Erasure(
        version,
        change,
        _withdrawn(contact, change),
        Notice(
            change.seq + 1,
            cycle,
            from_stage,
            change.transition_id,
            effective_at,
            change.model,
            cause,
            str(interaction.data.get("request_id")),
            interaction.traceparent,
        ),
        _words(contact, change),
        list(_commands(contact, interaction)),
    )
    contact.forget(ERASED)
    return erasure


def refusal(interaction: Interaction) -> Command | None:
    """The answer to what comes for an erased contact: whoever was linked to it since is told that
    there is none, and folds its own interactions again."""
    if interaction.type != EVIDENCE:
        return None
    tenant, erased = interaction.tenant, interaction.contact_id
    sender = str(interaction.data["path"][-1])
    event_id = _hash_of(interaction, erased, sender)
    return Command(
        sender, WITHDRAWN, event_id, interaction.time, refused(digest_of_key(tenant, erased))
    )


def linked_keys(contact: Contact) -> tuple[str, ...]:
    """The identities that are linked to this one now: those folded here, and its primary."""
    book = contact.book
    keys = {member for member, known in book.members.items() if known.is_here}
    if book.primary is not None:
        keys.add(book.primary)
    return tuple(sorted(keys - {contact.contact_id}))


def _commands(contact: Contact, interaction: Interaction) -> Iterator[Command]:
    """Each that is linked erases its own linked ones in turn; whoever is erased already drops it.
    Those that were linked once forget all that are erased, which they may know by way of this one.
    """
    erased, linked, data = contact.contact_id, linked_keys(contact), interaction.data
    digests = [digest_of_key(contact.tenant, key) for key in (erased, *linked)]
    digests += [str(each) for each in data.get("erased", ()) if each not in digests]
    asked = {"request_id": data.get("request_id"), "erased": digests[:ERASED_MAX]}
    for key in linked:
        event_id = _hash_of(interaction, erased, key)
        yield Command(key, ERASURE, event_id, interaction.time, asked)
    for key in sorted(ever_linked(contact).difference(linked)):
        for digest in digests:
            event_id = _hash_of(interaction, erased, key, digest)
            yield Command(key, WITHDRAWN, event_id, interaction.time, about_erased(digest))


def _hash_of(interaction: Interaction, *about: str) -> str:
    identity = interaction.source, interaction.id, *about
    return blake2b(_encode(identity), digest_size=16).hexdigest()


def _withdrawn(contact: Contact, change: Change) -> Signal | None:
    handoff = contact.book.told.handoff
    if handoff is None:
        return None
    tid = transition_id(contact.tenant, contact.contact_id, handoff)
    return Signal(
        kind="handoff_withdrawn",
        seq=change.seq,
        cycle=change.cycle,
        effective_at=change.effective_at,
        cause=change.cause,
        view=change.view,
        model=change.model,
        key=f"{tid}#{ERASED}",
        transition_id=tid,
        from_stage=handoff[0],
        to_stage=handoff[1],
        traceparent=change.traceparent,
    )


def _words(contact: Contact, change: Change) -> list[AccountInput]:
    teller = Teller(
        contact.tenant,
        contact.contact_id,
        change.seq,
        contact.version + 1,
        change.effective_at,
        change.cause,
        change.traceparent,
    )
    gone: AccountTold = (None, ERASED, False, False, False, False)
    return account_inputs(contact.book.told.account, gone, teller, list(_accounts(contact)))


def _accounts(contact: Contact) -> Iterator[str]:
    """Those that it ever belonged to."""
    told: set[str] = set()
    for entry in whole_log(contact):
        fields = entry.fields or {}
        accounts = [fields.get(ACCOUNT)]
        if entry.type == _ACCOUNT_LINKED:
            accounts.append(fields.get("account_id") or fields.get("domain"))
        for account in accounts:
            if isinstance(account, str) and account not in told:
                told.add(account)
                yield account


def _view(cycle: int) -> View:
    return View(
        stage=ERASED,
        cycle=cycle,
        organisation="unknown",
        opportunity="unknown",
        stakeholder="unknown",
        engagement_strong=False,
        qualification_high=False,
        in_pipeline=False,
        has_offer=False,
        temperature="cold",
        fit=0,
        engagement=0,
        priority=0,
        owner_team=None,
        owner=None,
        is_customer=False,
        account_id=None,
        first_touch=None,
        last_touch=None,
    )
