"""The evidence log's encoding: steps and checkpoints, newest first, one msgpack item each.

Texts that repeat are numbers: of VOCABULARY, or of the contact's own `names`. A step's source and
id stand next to each other, so that a copy is found by searching the bytes.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from xxhash import xxh3_64_digest

from app.domain.entry import TIMER, Entry, Fields, Key
from app.domain.fold import Made
from app.domain.interaction import Microseconds
from app.domain.state import State

VOCABULARY: Final = (
    "none", "lead", "prospect", "opportunity", "customer", "lost", "recycled", "disqualified",
    "erased", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T12", "T13",
    "T14", "T15", "T16", "T17", "T18", "website.visited", "newsletter.signed_up",
    "content.downloaded", "form.submitted", "social.connected", "social.engaged",
    "webinar.attended", "email.opened", "email.link_clicked", "email.replied", "phone.call_held",
    "tradeshow.contact_made", "social.question_asked", "demo.requested", "pricing.requested",
    "trial.started", "decision_deadline.communicated", "campaign.contacted",
    "qualification.recorded", "handoff.accepted", "handoff.rejected", "meeting.held", "demo.held",
    "quote.sent", "deal.updated", "deal.won", "deal.lost", "deal.reopened", "owner.assigned",
    "contact.profiled", "customer.renewed", "customer.churned", "contact.opted_out",
    "contact.opted_in", "contact.disqualified", "identity.linked", "identity.unlinked",
    "account.linked", "stage.override", "event.retracted", "privacy.erasure_requested",
    "web", "email", "phone", "webinar", "social", "tradeshow", "ads", "partner", "/funnel",
    "timer:click_settles", "timer:pin_end", "timer:opp_stale", "timer:deadline_grace",
    "timer:prospect_idle", "timer:lead_dormant", "timer:lost_cooldown",
)  # fmt: skip
"""Part of the format: only ever add to its end, below NAMES_FROM."""
NAMES_FROM: Final = 128
NAMES_MAX: Final = 48
NAME_MAX_CHARS: Final = 96
_CODES: Final = {text: code for code, text in enumerate(VOCABULARY)}
_TIMERS: Final = frozenset(code for text, code in _CODES.items() if text.startswith(TIMER))

_STEP: Final = 0
_CHECKPOINT: Final = 1

Code = int | str
"""A number of VOCABULARY (< 128) or of `names` (≥ 128), or the text where the names are full."""


class Published(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A move that was published and stands. Its entry is the step that holds it."""

    transition: Code
    from_stage: Code
    to_stage: Code
    cycle: int
    n: int
    digest: bytes
    """Of its cause and evidence; another digest is a correction."""
    model: Code


class Logged(msgspec.Struct, array_like=True, frozen=True, gc=False, tag_field="kind", tag=_STEP):
    """A step: an interaction and the published moves it made."""

    time: Microseconds
    source: Code
    id: str
    type: Code
    flags: int
    delay: int
    """Arrival after the effective time, in microseconds."""
    batch_seq: int
    ordinal: int
    fields: Fields | None
    channel: Code | None
    campaign_id: Code | None
    made: list[Published]
    member: Code | None = None


class Checkpoint(
    msgspec.Struct, array_like=True, frozen=True, gc=False, tag_field="kind", tag=_CHECKPOINT
):
    """The fold's state after every older step; the key is that of the newest of them."""

    time: Microseconds
    source: str
    id: str
    state: State
    member: str = ""

    @property
    def key(self) -> Key:
        return self.time, self.source, self.id, self.member


Item = Logged | Checkpoint

encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Item]).decode


_ENCODED: Final = tuple(encode(code) for code in range(NAMES_FROM + NAMES_MAX))


def array_header(count: int) -> bytes:
    return b"\xdd" + count.to_bytes(4, "big")


def decode_items(count: int, log: bytes) -> list[Item]:
    """Newest first."""
    return _decode(array_header(count) + log)


def decode_chunk(body: bytes) -> list[Item]:
    """A sealed chunk brings its own header."""
    return _decode(body)


def code_of(text: str, names: list[str]) -> Code:
    """The text's number, given out now if it is new."""
    code = _CODES.get(text)
    if code is not None:
        return code
    if text in names:
        return NAMES_FROM + names.index(text)
    if len(names) < NAMES_MAX and len(text) <= NAME_MAX_CHARS:
        names.append(text)
        return NAMES_FROM + len(names) - 1
    return text


def text_of(code: Code, names: list[str]) -> str:
    if type(code) is int:
        return VOCABULARY[code] if code < NAMES_FROM else names[code - NAMES_FROM]
    assert type(code) is str
    return code


def needle_of(source: str, event_id: str, names: list[str]) -> bytes:
    """What a step of this identity contains; other bytes may contain it too: confirm a hit."""
    if source in names:
        return _ENCODED[NAMES_FROM + names.index(source)] + encode(event_id)
    code = _CODES.get(source)
    return (encode(source) if code is None else _ENCODED[code]) + encode(event_id)


def pack(entry: Entry, made: Sequence[Made], names: list[str]) -> bytes:
    """A `Logged`, from a plain tuple: half the time of building one first."""
    channel, campaign_id = entry.channel, entry.campaign_id
    source, type_ = entry.source, entry.type
    told = [_published(move, names) for move in made] if made else ()
    if entry.member is not None:
        return _pack_of_member(entry, told, names)
    return encode(
        (
            _STEP,
            entry.time,
            NAMES_FROM + names.index(source) if source in names else code_of(source, names),
            entry.id,
            _CODES[type_] if type_ in _CODES else code_of(type_, names),
            entry.flags,
            entry.arrived_at - entry.time,
            entry.batch_seq,
            entry.ordinal,
            entry.fields,
            None if channel is None else code_of(channel, names),
            None if campaign_id is None else code_of(campaign_id, names),
            told,
        )
    )


def _pack_of_member(entry: Entry, told: Any, names: list[str]) -> bytes:
    return encode(
        Logged(
            entry.time,
            code_of(entry.source, names),
            entry.id,
            code_of(entry.type, names),
            entry.flags,
            entry.arrived_at - entry.time,
            entry.batch_seq,
            entry.ordinal,
            entry.fields,
            None if entry.channel is None else code_of(entry.channel, names),
            None if entry.campaign_id is None else code_of(entry.campaign_id, names),
            [Published(*move) for move in told],
            code_of(entry.member or "", names),
        )
    )


def _published(move: Made, names: list[str]) -> tuple[Code, Code, Code, int, int, bytes, Code]:
    """A `Published`, as a plain tuple."""
    name, from_stage, to_stage = move.transition, move.from_stage, move.to_stage
    return (
        _CODES[name] if name in _CODES else code_of(name, names),
        _CODES[from_stage] if from_stage in _CODES else code_of(from_stage, names),
        _CODES[to_stage] if to_stage in _CODES else code_of(to_stage, names),
        move.cycle,
        move.n,
        digest_of(move),
        code_of(move.model, names),
    )


def unpack(step: Logged, names: list[str]) -> Entry:
    channel, campaign_id, type_, time = step.channel, step.campaign_id, step.type, step.time
    return Entry(
        time,
        text_of(step.source, names),
        step.id,
        VOCABULARY[type_] if type(type_) is int and type_ < NAMES_FROM else text_of(type_, names),
        step.flags,
        time + step.delay,
        step.batch_seq,
        step.ordinal,
        step.fields,
        None if channel is None else text_of(channel, names),
        None if campaign_id is None else text_of(campaign_id, names),
        None if step.member is None else text_of(step.member, names),
    )


def is_timer(step: Logged, names: list[str]) -> bool:
    """Not an interaction."""
    code = step.type
    if type(code) is int and code < NAMES_FROM:
        return code in _TIMERS
    return text_of(code, names).startswith(TIMER)


def digest_of(move: Made) -> bytes:
    """Of all that a correction may change: date, cause, evidence."""
    entry = move.entry
    told: tuple[object, ...] = (
        move.transition, entry.time, entry.source, entry.id, move.inferred, move.evidence,
    )  # fmt: skip
    if entry.member is not None:
        told = (*told, entry.member)
    return xxh3_64_digest(encode(told))
