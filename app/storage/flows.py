"""How many contacts moved from stage to stage: counted in the apply, by day and by first touch.

What is counted of a contact is a function of its moves that stand. A move at the end of a history
adds itself. Where history is rewritten (few contacts) all of the contact's moves are read: what
they counted is taken back, and what stands now is counted.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import asyncpg

from app.domain.calendar import DAY
from app.domain.changes import Touch
from app.domain.interaction import Microseconds
from app.domain.state import NONE
from app.failpoints import Failpoint, hit
from app.storage import detail
from app.storage.rows import HistoryRow

_EPOCH: Final = date(1970, 1, 1)
_SECOND: Final = 1_000_000
Key = tuple[int, str, str]
"""(partition, tenant, contact_id)"""


class Move(NamedTuple):
    """One that stands."""

    from_stage: str
    to_stage: str
    effective_at: Microseconds
    channel: str
    campaign: str


class Flow(NamedTuple):
    """What is counted together, before days become months."""

    partition: int
    tenant: str
    day: int
    """Since 1970, UTC."""
    channel: str
    campaign: str
    from_stage: str
    to_stage: str


class Flows:
    def __init__(self) -> None:
        self.n: Counter[Flow] = Counter()
        self.seconds: Counter[Flow] = Counter()

    def add(
        self, partition: int, tenant: str, move: Move, since: Microseconds | None, sign: int = 1
    ) -> None:
        """`since`: when the stage before was entered."""
        from_stage, to_stage, at, channel, campaign = move
        flow = Flow(partition, tenant, at // DAY, channel, campaign, from_stage, to_stage)
        self.n[flow] += sign
        if since is not None and from_stage != NONE:
            self.seconds[flow] += sign * (at - since) // _SECOND

    def add_all(self, key: Key, moves: Sequence[Move], sign: int) -> None:
        for move in moves:
            self.add(key[0], key[1], move, _since(move, moves), sign)


_PAST: Final = """
SELECT c.partition, c.tenant, c.contact_id, c.kind, c.transition_id, c.from_stage, c.to_stage,
       c.effective_at, c.detail
  FROM unnest($1::integer[], $2::text[], $3::text[]) AS k (partition, tenant, contact_id)
  JOIN stage_change AS c
    ON c.partition = k.partition AND c.tenant = k.tenant AND c.contact_id = k.contact_id
 ORDER BY c.partition, c.tenant, c.contact_id, c.seq
"""


class Sums(NamedTuple):
    """What a batch adds, as rows in the order of their keys; a sum may be negative."""

    by_day: Sequence[tuple[Any, ...]] = ()
    """(partition, tenant, day, from_stage, to_stage, n, stayed_seconds)"""
    by_touch: Sequence[tuple[Any, ...]] = ()
    """(partition, tenant, month, channel, campaign, from_stage, to_stage, n, stayed_seconds)"""


async def count(connection: asyncpg.Connection, rows: Sequence[HistoryRow]) -> Sums:
    """In the apply's transaction, before these rows are in the history."""
    flows = Flows()
    rewritten = {
        (row.partition, row.tenant, row.contact_id)
        for row in rows
        if row.change.late or row.change.kind != "changed"
    }
    told: dict[Key, list[HistoryRow]] = {key: [] for key in sorted(rewritten)}
    for row in rows:
        if rewritten and (key := (row.partition, row.tenant, row.contact_id)) in rewritten:
            told[key].append(row)
        else:
            flows.add(row.partition, row.tenant, _move(row), row.since)
    if told:
        hit(Failpoint.APPLY_BEFORE_LISTS)
        past = await connection.fetch(_PAST, *zip(*told, strict=True))
        _count_anew(flows, past, told)
    return _sums(flows)


def _count_anew(flows: Flows, past: Iterable[Any], told: dict[Key, list[HistoryRow]]) -> None:
    standing: dict[Key, dict[str, Move]] = {key: {} for key in told}
    for row in past:
        key = (row["partition"], row["tenant"], row["contact_id"])
        touch = detail.unpack(row["detail"])["view"].first_touch
        move = Move(row["from_stage"], row["to_stage"], row["effective_at"], *_named(touch))
        _stand(standing[key], row["kind"], row["transition_id"].hex, move)
    for key, moves in standing.items():
        flows.add_all(key, list(moves.values()), -1)
        for each in told[key]:
            _stand(moves, each.change.kind, each.change.transition_id, _move(each))
        flows.add_all(key, list(moves.values()), 1)


def _stand(moves: dict[str, Move], kind: str, transition_id: str, move: Move) -> None:
    if kind == "revoked":
        moves.pop(transition_id, None)
    else:
        moves[transition_id] = move


def _since(move: Move, moves: Sequence[Move]) -> Microseconds | None:
    """When its stage before was entered last."""
    entries = [m.effective_at for m in moves if m.to_stage == move.from_stage and m is not move]
    return max((at for at in entries if at <= move.effective_at), default=None)


def _move(row: HistoryRow) -> Move:
    change = row.change
    touch = _named(change.view.first_touch)
    return Move(change.from_stage, change.to_stage, change.effective_at, *touch)


def _named(touch: Touch | None) -> tuple[str, str]:
    """Keys can't be null."""
    return ("", "") if touch is None else (touch.channel or "", touch.campaign_id or "")


def _sums(flows: Flows) -> Sums:
    """Two of the same."""
    by_day: dict[tuple[Any, ...], list[int]] = {}
    by_touch: dict[tuple[Any, ...], list[int]] = {}
    for flow, n in flows.n.items():
        seconds = flows.seconds[flow]
        if not n and not seconds:
            continue
        partition, tenant, day, channel, campaign, *moved = flow
        on, month = _dates(day)
        for sums, key in (
            (by_day, (partition, tenant, on, *moved)),
            (by_touch, (partition, tenant, month, channel, campaign, *moved)),
        ):
            total = sums.setdefault(key, [0, 0])
            total[0] += n
            total[1] += seconds
    return Sums(_rows(by_day), _rows(by_touch))


def _rows(sums: dict[tuple[Any, ...], list[int]]) -> list[tuple[Any, ...]]:
    return [(*key, *sums[key]) for key in sorted(sums)]


@lru_cache(maxsize=1024)
def _dates(day: int) -> tuple[date, date]:
    """The day, and the first of its month."""
    found = _EPOCH + timedelta(days=day)
    return found, found.replace(day=1)
