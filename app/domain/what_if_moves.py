"""The moves of either model in one form: those in force from the log, the candidate's as made."""

from typing import NamedTuple

from app.domain.entry import Entry
from app.domain.fold import CLICK, Made
from app.domain.interaction import Microseconds
from app.domain.log import Logged, digest_of, text_of, unpack
from app.domain.rules import Rules
from app.domain.state import NONE, OPPORTUNITY, PROSPECT
from app.domain.timeline import Ruling


class Move(NamedTuple):
    """One move, as either model made it."""

    transition: str
    from_stage: str
    to_stage: str
    cycle: int
    n: int
    time: Microseconds
    is_handoff: bool
    """Sales was asked to take over."""


def logged_moves(steps: list[Logged], names: list[str], rules: Ruling) -> list[Move]:
    moves = []
    for one in steps:
        if not one.made:
            continue
        in_force = rules.at(one.time)
        for move in one.made:
            transition = text_of(move.transition, names)
            from_stage, to_stage = text_of(move.from_stage, names), text_of(move.to_stage, names)
            is_handoff = _is_asked(from_stage, to_stage, in_force) and _asks(
                unpack(one, names), transition, move.digest
            )
            moves.append(
                Move(transition, from_stage, to_stage, move.cycle, move.n, one.time, is_handoff)
            )
    return moves


def _asks(entry: Entry, transition: str, digest: bytes) -> bool:
    """Neither old news nor a stage that was only passed: that one rests on the step alone."""
    if entry.is_quiet:
        return False
    own = str((entry.fields or {}).get(CLICK)) if entry.is_timer else entry.id
    passed = Made(transition, NONE, NONE, 0, 0, True, entry, (), (own,), "", False, "")
    return digest != digest_of(passed)


def move_of(move: Made, rules: Ruling) -> Move:
    entry, from_stage, to_stage = move.entry, move.from_stage, move.to_stage
    is_handoff = (
        _is_asked(from_stage, to_stage, rules.at(entry.time))
        and not move.inferred
        and not entry.is_quiet
    )
    return Move(move.transition, from_stage, to_stage, move.cycle, move.n, entry.time, is_handoff)


def _is_asked(from_stage: str, to_stage: str, rules: Rules) -> bool:
    """Such a move asks sales to take over; a hand-over at prospect is not asked for again."""
    asked_at = rules.terms.handoff_stage
    if to_stage == OPPORTUNITY and asked_at == PROSPECT:
        return from_stage != PROSPECT
    return to_stage == asked_at
