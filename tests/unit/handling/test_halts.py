"""Halts in this process against the rows that others see."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.handling import halts as module
from app.handling.halts import Halts
from app.storage.halts import HaltReason, HaltRow
from app.telemetry.metrics import Metrics

NOBODY: Any = None


class Rows:
    """The table in memory."""

    def __init__(self, *rows: HaltRow) -> None:
        self.rows = {row.partition: row for row in rows}
        self.on_record: Any = lambda: None

    async def of_partition(self, _: Any, lane: str, partition: int) -> HaltRow | None:
        return self.rows.get(partition)

    async def halted(self, _: Any, lane: str) -> set[int]:
        return set(self.rows)

    async def record(self, _: Any, lane: str, row: HaltRow) -> None:
        self.on_record()
        self.rows[row.partition] = row

    async def clear(self, _: Any, lane: str, partition: int) -> bool:
        return self.rows.pop(partition, None) is not None


def halt(partition: int, reason: HaltReason = HaltReason.DEAD_LETTERS) -> HaltRow:
    return HaltRow(partition, reason, f"partition {partition}: why", 1)


def made(monkeypatch: pytest.MonkeyPatch, rows: Rows) -> Halts:
    monkeypatch.setattr(module, "halts", rows)
    return Halts("contacts", Metrics())


async def looked(halts: Halts, wanted: Sequence[int] = (0, 1)) -> list[int]:
    return await halts.look(NOBODY, wanted)


async def test_it_is_written_down_once_and_resumed_when_the_row_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = Rows()
    halts = made(monkeypatch, rows)
    halts.add(halt(0))
    assert await looked(halts) == []
    assert set(rows.rows) == {0}
    rows.rows.clear()
    assert await looked(halts) == [0]
    assert rows.rows == {}
    halts.resume(0)
    assert not halts
    assert await looked(halts) == []


async def test_what_belongs_to_another_process_is_not_written_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = Rows()
    halts = made(monkeypatch, rows)
    halts.add(halt(0))
    assert await looked(halts, [1]) == []
    assert rows.rows == {}
    halts.keep([1])
    assert 0 not in halts


async def test_one_that_went_elsewhere_meanwhile_and_stops_here_again_is_not_resumed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = Rows()
    halts = made(monkeypatch, rows)
    halts.add(halt(0))
    rows.on_record = lambda: halts.keep([])
    assert await looked(halts) == []
    rows.rows.clear()
    halts.add(halt(0))
    assert await looked(halts) == []
    assert set(rows.rows) == {0}


async def test_after_a_takeover_only_what_waits_for_a_person_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = Rows(halt(0), halt(1, HaltReason.FAULT))
    halts = made(monkeypatch, rows)
    for partition in (0, 1, 2):
        await halts.check(NOBODY, partition)
    assert halts.partitions == {0}
    assert halts.messages == ["partition 0: why"]
    assert set(rows.rows) == {0}


async def test_what_was_written_with_its_batch_may_be_resumed_before_anybody_looked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = Rows()
    halts = made(monkeypatch, rows)
    row = halt(0)
    halts.add(row)
    halts.written(row)
    assert await looked(halts) == [0]
    assert rows.rows == {}


async def test_a_row_of_before_says_nothing_of_what_halts_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = Rows()
    halts = made(monkeypatch, rows)
    old = halt(0)
    halts.add(old)
    halts.add(halt(0))
    halts.written(old)
    assert await looked(halts) == []
    assert set(rows.rows) == {0}


async def test_what_a_look_has_written_is_not_written_again_with_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    halts = made(monkeypatch, Rows())
    row = halt(0)
    halts.add(row)
    assert not halts.stands(row)
    assert await looked(halts) == []
    assert halts.stands(row)
    halts.keep([1])  # it went elsewhere: its next owner must find it
    assert not halts.stands(row)
