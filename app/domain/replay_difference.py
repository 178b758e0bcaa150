"""What differs between a contact as it is stored and as its interactions say.

Arrival order decides what was told and how the log is cut into sections, not what is true: so the
head state, the evidence and the standing moves are compared, not the bytes.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from app.domain.entry import Entry
from app.domain.firing import next_to_fire
from app.domain.history import Identity, transition_id
from app.domain.interaction import Microseconds
from app.domain.listing import Listing, listing_of, unlike
from app.domain.log import text_of, unpack
from app.domain.rebuilding import Rebuilt
from app.domain.shadow import Evidence, steps_of
from app.domain.state import State
from app.domain.timeline import Ruling
from app.domain.views import view

_HINTS: Final = ("next_due",)
"""Fields of the state of which any value no later than the truth will do."""
_BOOK: Final = ("primary", "retracted", "links")
SHOWN_CHARS: Final = 80


class Standing(NamedTuple):
    """A published move that nobody took back."""

    transition: str
    from_stage: str
    to_stage: str
    cycle: int
    effective_at: Microseconds
    event_id: str
    source: str
    type: str
    model: str


Moves = Mapping[str, Standing]
"""By transition_id."""


class Live(NamedTuple):
    """A contact as it is stored, at one moment."""

    evidence: Evidence
    version: int
    stage: str
    seq: int
    check_at: Microseconds | None
    history: Moves
    """As the history says."""
    listing: Listing | None = None
    """As the lists have it; None: there is no row."""


class Difference(msgspec.Struct, frozen=True, gc=False):
    tenant: str
    contact_id: str
    what: str
    live: str
    rebuilt: str


def standing(evidence: Evidence) -> dict[str, Standing]:
    """As the log says."""
    names = evidence.book.names
    found = {}
    for step in steps_of(evidence):
        if not step.made:
            continue
        entry = unpack(step, names)
        for move in step.made:
            from_stage, to_stage = text_of(move.from_stage, names), text_of(move.to_stage, names)
            identity: Identity = from_stage, to_stage, move.cycle, move.n
            found[transition_id(evidence.tenant, evidence.contact_id, identity)] = Standing(
                text_of(move.transition, names), from_stage, to_stage, move.cycle, entry.time,
                entry.id, entry.source, entry.type, text_of(move.model, names),
            )  # fmt: skip
    return found


def differences(live: Live, rebuilt: Rebuilt, rules: Ruling) -> list[Difference]:
    """With the rebuilt contact brought to where the live one stands."""
    rebuilt.bring_up_to_date(rules)
    rebuilt.fire(rules, _fired_until(live.evidence.book.state, rules))
    ours = rebuilt.evidence()
    found = [
        *_of_state(live, ours.book.state, rules),
        *_of_book(live.evidence, ours),
        *_of_entries(entries_of(live.evidence), entries_of(ours)),
        *_of_moves("history", _renamed(live.history, standing(ours), rules), standing(ours)),
        *_of_moves("log", standing(live.evidence), standing(ours)),
        *_of_lists(live.listing, listing(rebuilt, rules, ours.book.state.head_time)),
    ]
    key = ours.tenant, ours.contact_id
    return [Difference(*key, what, _shown(one), _shown(other)) for what, one, other in found]


def listing(rebuilt: Rebuilt, rules: Ruling, at: Microseconds) -> Listing:
    """As the lists should have it."""
    contact = rebuilt.contact
    return listing_of(contact.contact_id, contact.fold, view(contact, rules.at(at), at))


def _fired_until(state: State, rules: Ruling) -> Microseconds:
    """Up to where the clock was asked about: what the head itself has armed may wait for it."""
    head = state.head_time
    waiting = next_to_fire(state, rules)
    return head - 1 if waiting is not None and waiting[0].due <= head else head


def is_older(live: Live, first_batch: int) -> bool:
    """Some of it arrived in batches that are not kept any more: it can't be rebuilt."""
    entries = entries_of(live.evidence)
    return any(entry.member is None and entry.batch_seq < first_batch for entry in entries)


def entries_of(evidence: Evidence) -> list[Entry]:
    """The interactions, oldest first."""
    found = (unpack(step, evidence.book.names) for step in steps_of(evidence))
    return [entry for entry in found if not entry.is_timer]


Found = tuple[str, object, object]
"""(what, live, rebuilt)"""


def _of_state(live: Live, ours: State, rules: Ruling) -> Iterator[Found]:
    book = live.evidence.book
    if live.stage != ours.stage:
        yield "stage", live.stage, ours.stage
    for name in State.__struct_fields__:
        if name not in _HINTS and getattr(book.state, name) != getattr(ours, name):
            yield f"state.{name}", getattr(book.state, name), getattr(ours, name)
    if book.primary is not None:
        return
    found = next_to_fire(ours, rules)
    if found is None:
        return
    due, _ = found
    if book.state.next_due > due.due:
        yield "state.next_due", book.state.next_due, due.due
    by = max(due.due, book.backfilled_until)
    if live.check_at is None or live.check_at > by:
        yield "check_at", live.check_at, by


def _of_book(live: Evidence, ours: Evidence) -> Iterator[Found]:
    for name in _BOOK:
        if getattr(live.book, name) != getattr(ours.book, name):
            yield name, getattr(live.book, name), getattr(ours.book, name)


def _of_entries(live: list[Entry], ours: list[Entry]) -> Iterator[Found]:
    """Only the first of them: one that is missing shifts all others."""
    if live == ours:
        return
    for one, other in zip(live, ours, strict=False):
        if one != other:
            yield "evidence", _unlike(one, other), _unlike(other, one)
            return
    yield "evidence", f"{len(live)} interactions", f"{len(ours)} interactions"


def _of_lists(live: Listing | None, ours: Listing) -> Iterator[Found]:
    if live is None:
        if ours.is_somewhere:
            yield "lists", "there is no row of it", f"stage {ours.stage}"
        return
    for name in unlike(live, ours):
        yield f"lists.{name}", getattr(live, name), getattr(ours, name)


def _unlike(entry: Entry, beside: Entry) -> str:
    other = [
        name for name in Entry.__struct_fields__ if getattr(entry, name) != getattr(beside, name)
    ]
    return f"{entry.type} {entry.id}: " + ", ".join(f"{n} {getattr(entry, n)}" for n in other)


def _renamed(told: Moves, ours: Moves, rules: Ruling) -> Moves:
    """What stands unchanged after a re-fold keeps the name of the model that told it."""
    if not rules.refolded:
        return told
    return {
        tid: move._replace(model=ours[tid].model) if tid in ours else move
        for tid, move in told.items()
    }


def _of_moves(where: str, live: Moves, ours: Moves) -> Iterator[Found]:
    for tid in dict.fromkeys((*live, *ours)):
        one, other = live.get(tid), ours.get(tid)
        if one != other:
            move = one or other
            assert move is not None
            what = f"{where} {move.transition} {move.from_stage} → {move.to_stage}"
            yield what, _telling(one, other), _telling(other, one)


def _telling(move: Standing | None, beside: Standing | None) -> object:
    """What it says differently."""
    if move is None or beside is None:
        return "none" if move is None else f"effective_at {move.effective_at}"
    return ", ".join(
        f"{name} {mine}"
        for name, mine, theirs in zip(Standing._fields, move, beside, strict=True)
        if mine != theirs
    )


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
