"""Who is looked for, how many at once, and what becomes of those that do not fire."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from app.errors import Halted
from app.handling import timers
from app.handling.alarm import Alarm
from app.handling.batch import Due
from app.handling.checks import Checks
from app.handling.horizon import Horizon
from app.handling.partition import OwnedPartition
from app.handling.timers import DUE_MAX_CONTACTS, LOOK_AGAIN_SECONDS, LOOK_SECONDS, Timers
from app.storage.rows import CheckRow, PartitionRow
from app.telemetry.metrics import Metrics

SECOND = 1_000_000
NOW = 90_000 * SECOND


class Table:
    """The contact table, and a consumer that has read everything but the partitions `behind`."""

    def __init__(self, *rows: CheckRow) -> None:
        self.rows = sorted(rows, key=lambda row: row.check_at)
        self.behind: set[int] = set()
        self.asked: list[tuple[list[int], int]] = []

    async def earliest(self, partitions: Sequence[int]) -> tuple[int, dict[int, int]]:
        return NOW, {
            row.partition: row.check_at
            for row in reversed(self.rows)
            if row.partition in partitions
        }

    async def due(
        self, partitions: Sequence[int], horizons: Sequence[int], limit: int
    ) -> list[CheckRow]:
        self.asked.append((list(partitions), limit))
        return [
            row
            for partition, horizon in zip(partitions, horizons, strict=True)
            for row in [r for r in self.rows if r.partition == partition][:limit]
            if row.check_at <= horizon
        ]

    def seconds_since_end(self, partition: int) -> float | None:
        return None if partition in self.behind else 0.0


class Fired:
    """Fires nothing in partition 1, everything elsewhere."""

    def __init__(self, table: Table) -> None:
        self.table = table

    async def __call__(self, due: Due) -> list[CheckRow]:
        contacts = [row for each in due for row in each.contacts]
        stuck = [row for row in contacts if row.partition == 1]
        self.table.rows = [r for r in self.table.rows if r not in contacts or r in stuck]
        return stuck


def owned(partition: int) -> OwnedPartition:
    made = OwnedPartition(PartitionRow("contacts", partition, 1, "me", 1, (5,), 7, 1, (5,)))
    made.is_active = True
    return made


def row(contact_id: str, check_at: int, partition: int = 0) -> CheckRow:
    return CheckRow(partition, "default", contact_id, check_at)


def timers_on(table: Table, *partitions: int) -> Timers:
    horizon = Horizon(table, lambda: 0.0)
    holdings: Any = SimpleNamespace(owned={p: owned(p) for p in partitions or (0,)})
    checks = Checks(table.earliest, table.due)
    return Timers(holdings, horizon, checks, Alarm(), Fired(table), Metrics())


def names(due: Due) -> list[str]:
    return [contact.contact_id for each in due for contact in each.contacts]


async def test_those_due_by_the_horizon_are_found_earliest_first() -> None:
    table = Table(row("b", NOW), row("a", NOW - 1), row("later", NOW + 1))
    due, _ = await timers_on(table).look()
    assert names(due) == ["a", "b"]
    assert due[0].horizon == NOW


async def test_nobody_is_asked_for_while_nothing_is_due() -> None:
    table = Table(row("later", NOW + 1))
    due, _ = await timers_on(table).look()
    assert due == []
    assert table.asked == []


@pytest.mark.parametrize(
    ("check_at", "seconds"),
    [
        (NOW + 300_000, 0.3),
        (NOW + 1, LOOK_AGAIN_SECONDS),
        (NOW + 10 * SECOND, LOOK_SECONDS),
    ],
)
async def test_it_sleeps_until_the_earliest_bounded(check_at: int, seconds: float) -> None:
    assert await timers_on(Table(row("later", check_at))).look() == ([], seconds)


async def test_a_backlog_is_read_before_its_timers_fire() -> None:
    table = Table(row("waits", NOW - 60 * SECOND), row("due", NOW - 1, partition=2))
    table.behind = {0}
    due, _ = await timers_on(table, 0, 2).look()
    assert names(due) == ["due"]


async def test_a_partition_that_is_not_active_is_left_alone() -> None:
    table = Table(row("a", NOW), row("b", NOW, partition=2))
    looking = timers_on(table, 0, 2)
    looking._holdings.owned[0].is_active = False
    assert names((await looking.look())[0]) == ["b"]
    looking._holdings.owned[2].is_active = False
    assert await looking.look() == ([], LOOK_SECONDS)


async def test_a_batch_is_bounded_and_every_partition_has_its_share() -> None:
    many = DUE_MAX_CONTACTS + 1
    table = Table(*(row(f"c{n}", NOW - n, partition=n % 2) for n in range(2 * many)))
    due, _ = await timers_on(table, 0, 1).look()
    assert [len(each.contacts) for each in due] == [DUE_MAX_CONTACTS // 2] * 2


async def test_those_that_do_not_fire_give_way_to_the_others() -> None:
    table = Table(row("stuck", NOW - 9, partition=1), row("stuck too", NOW - 8, partition=1))
    looking = timers_on(table, 1)
    due, _ = await looking.look()
    await looking._fired(due)
    assert await looking.look() == ([], LOOK_AGAIN_SECONDS)
    table.rows.append(row("fine", NOW - 1, partition=1))
    table.rows[1] = row("stuck too", NOW - 7, partition=1)  # an interaction moved it
    assert names((await looking.look())[0]) == ["stuck too", "fine"]


async def test_those_that_do_not_fire_are_tried_again_after_a_while() -> None:
    looking = timers_on(Table(row("stuck", NOW, partition=1)), 1)
    await looking._fired((await looking.look())[0])
    assert (await looking.look())[0] == []
    looking._stuck_until = 0.0
    assert names((await looking.look())[0]) == ["stuck"]


async def test_too_many_that_do_not_fire_stop_the_partition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timers, "STUCK_MAX", 2)
    looking = timers_on(Table(*(row(f"c{n}", NOW, partition=1) for n in range(3))), 1)
    with pytest.raises(Halted, match="mend the model") as halted:
        await looking._fired((await looking.look())[0])
    assert halted.value.partition == 1


async def test_how_late_they_fired_is_measured() -> None:
    looking = timers_on(Table(row("a", NOW - 3 * SECOND), row("b", NOW)))
    await looking._fired((await looking.look())[0])
    sample = looking._metrics.registry.get_sample_value
    assert sample("funnel_timers_late_seconds_count") == 2
    assert sample("funnel_timers_late_seconds_sum") == 3
