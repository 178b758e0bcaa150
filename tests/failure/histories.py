"""Three tellings of one contact's standing history, brought to the same form."""

from collections.abc import Iterable
from typing import NamedTuple

from tests.failure.observed import HistoryRow
from tests.failure.oracle import Folded
from tests.failure.outputs import Output


class Standing(NamedTuple):
    """A transition that holds. Sorted, the oldest comes first."""

    effective_at: int
    cause_id: str
    transition: str
    from_stage: str
    to_stage: str
    cycle: int


def expected_history(folded: Folded) -> list[Standing]:
    return sorted(
        Standing(
            move.effective_at,
            move.cause_id,
            move.transition,
            move.from_stage,
            move.to_stage,
            move.cycle,
        )
        for move in folded.moves
    )


def told_history(outputs: Iterable[Output]) -> list[Standing]:
    """The stage-changes topic replayed: changed adds, revoked takes back, corrected replaces."""
    standing: dict[str, Standing] = {}
    for output in outputs:
        if output.is_revocation:
            standing.pop(output.revokes or output.transition_id, None)
        else:
            standing[output.transition_id] = Standing(
                output.effective_at,
                output.cause_id,
                output.transition,
                output.from_stage,
                output.to_stage,
                output.cycle,
            )
    return sorted(standing.values())


def stored_history(rows: Iterable[HistoryRow]) -> list[Standing]:
    """The history table replayed by seq, in the same way."""
    standing: dict[str, Standing] = {}
    for row in sorted(rows, key=lambda row: row.seq):
        if row.kind == "revoked":
            standing.pop(row.revokes or row.transition_id, None)
        else:
            standing[row.transition_id] = Standing(
                row.effective_at,
                row.cause_id,
                row.transition,
                row.from_stage,
                row.to_stage,
                row.cycle,
            )
    return sorted(standing.values())
