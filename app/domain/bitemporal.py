"""History on two axes: when it was true (`effective_at`), and when we knew (`decided_at`).

Records are only ever added. A move is known as its last record says: changed, corrected or revoked.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from app.domain.changes import Change
from app.domain.interaction import Microseconds
from app.domain.state import NONE


class Record(Protocol):
    """A row of the history."""

    @property
    def decided_at(self) -> Microseconds: ...

    @property
    def change(self) -> Change: ...


R = TypeVar("R", bound=Record)


def stage_at(records: Iterable[Record], as_of: Microseconds, known_at: Microseconds) -> str:
    """The stage that the contact was in at `as_of`, by what was known at `known_at`."""
    moves = standing(records, as_of, known_at)
    return moves[-1].change.to_stage if moves else NONE


def standing(
    records: Iterable[R], as_of: Microseconds | None = None, known_at: Microseconds | None = None
) -> list[R]:
    """The moves up to `as_of` that stood at `known_at` (None: without an end), in the order in
    which they were made, each as it was last told."""
    last: dict[str, R] = {}
    for record in _known(records, known_at):
        last[record.change.transition_id] = record
    held = [
        record
        for record in last.values()
        if record.change.kind != "revoked"
        and (as_of is None or record.change.effective_at <= as_of)
    ]
    return _as_made(held)


def _known(records: Iterable[R], known_at: Microseconds | None) -> list[R]:
    """By seq, up to the first that came later: workers' clocks differ, the order of seq is true."""
    known = []
    for record in sorted(records, key=lambda each: each.change.seq):
        if known_at is not None and record.decided_at > known_at:
            break
        known.append(record)
    return known


def _as_made(moves: list[R]) -> list[R]:
    """By their dates. Of those of one moment each begins where the one before it ended."""
    by_date: dict[Microseconds, list[R]] = {}
    for move in sorted(moves, key=_order):
        by_date.setdefault(move.change.effective_at, []).append(move)
    made: list[R] = []
    for together in by_date.values():
        stage = made[-1].change.to_stage if made else NONE
        made += together if len(together) == 1 else _chained(together, stage)
    return made


def _order(record: Record) -> tuple[Microseconds, int, int]:
    change = record.change
    return change.effective_at, change.cycle, change.seq


def _chained(moves: Sequence[R], start: str) -> list[R]:
    """The walk from `start` that makes each move once (Hierholzer's algorithm); where there is
    none, as they came. A late move has a late seq, so seq alone does not tell."""
    ways: dict[str, list[R]] = {}
    for move in reversed(moves):
        ways.setdefault(move.change.from_stage, []).append(move)
    walked: list[R] = []
    ahead: list[tuple[str, R | None]] = [(start, None)]
    while ahead:
        stage, came_by = ahead[-1]
        if ways.get(stage):
            move = ways[stage].pop()
            ahead.append((move.change.to_stage, move))
            continue
        ahead.pop()
        if came_by is not None:
            walked.append(came_by)
    walked.reverse()
    return walked if len(walked) == len(moves) else list(moves)
