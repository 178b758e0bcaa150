"""How an erasure's jobs move through a lane partition's segments."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.handling import erasing
from app.handling.erasing import Eraser
from app.handling.partition import OwnedPartition
from app.storage.blanking import Job
from app.storage.rows import PartitionRow

LANE = "contacts"


class Jobs:
    """The table in memory; `read` are the ranges of batches that were looked at."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs = list(jobs)
        self.read: list[tuple[int, int, tuple[str, ...]]] = []
        self.finished: list[str] = []
        self.forgotten: list[str] = []

    async def read_jobs(self, _: Any, lane: str, partitions: Sequence[int]) -> list[Job]:
        return [job for job in self.jobs if job.partition in partitions]

    async def set_until(
        self, _: Any, lane: str, partition: int, until_seq: int, *, owner: str, epoch: int
    ) -> None:
        self.jobs = [
            job._replace(until_seq=until_seq)
            if job.partition == partition and job.until_seq is None
            else job
            for job in self.jobs
        ]

    async def blank_segments(
        self, _: Any, jobs: Sequence[Job], until_seq: int, *__: Any, **___: Any
    ) -> int:
        end = min(jobs[0].next_seq + 3, until_seq)
        self.read.append((jobs[0].next_seq, end, tuple(job.contact_id for job in jobs)))
        self.jobs = [job._replace(next_seq=end + 1) if job in jobs else job for job in self.jobs]
        return end + 1

    async def read_dead_letters(self, *_: Any) -> list[Any]:
        return []

    async def forget_commands(self, _: Any, jobs: Sequence[Job]) -> None:
        self.forgotten += [job.contact_id for job in jobs]

    async def finish(self, _: Any, jobs: Sequence[Job]) -> None:
        assert self.forgotten[-len(jobs) :] == [job.contact_id for job in jobs]
        self.finished += [job.contact_id for job in jobs]
        self.jobs = [job for job in self.jobs if job not in jobs]


class Holding:
    def __init__(self, *owned: OwnedPartition) -> None:
        self.owned = {each.partition: each for each in owned}


def partition(batch_seq: int, number: int = 0) -> OwnedPartition:
    """D and K stand at a batch."""
    row = PartitionRow(LANE, number, 1, "me", batch_seq, (0, 0), 0, batch_seq, (0, 0))
    owned = OwnedPartition(row)
    owned.is_active = True
    return owned


def job(contact_id: str, next_seq: int = 0, until_seq: int | None = None, number: int = 0) -> Job:
    return Job(LANE, number, "default", contact_id, next_seq, until_seq)


def eraser(monkeypatch: pytest.MonkeyPatch, jobs: Jobs, *owned: OwnedPartition) -> Eraser:
    monkeypatch.setattr(erasing, "blanking", jobs)
    monkeypatch.setattr(erasing, "PAUSE_SECONDS", 0)
    unused: Any = None
    return Eraser(LANE, "me", Holding(*owned), unused, 5)  # type: ignore[arg-type]


async def rest(made: Eraser) -> int:
    """Steps until there is nothing to do now."""
    steps = 0
    while await made.step():
        steps += 1
        assert steps < 50
    return steps


async def test_a_job_goes_as_far_as_was_decided_when_it_was_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = Jobs(job("ada"))
    await rest(eraser(monkeypatch, jobs, partition(6)))
    assert [(first, last) for first, last, _ in jobs.read] == [(0, 3), (4, 6)]
    assert jobs.finished == ["ada"]


async def test_it_waits_for_what_is_not_published(monkeypatch: pytest.MonkeyPatch) -> None:
    owned = partition(2)
    later = owned.begin_batch((0, 0), 0)
    jobs = Jobs(job("ada"))
    made = eraser(monkeypatch, jobs, owned)
    await rest(made)
    assert jobs.finished == []
    assert jobs.read[-1][1] == 2
    owned.published_up_to(later)
    await rest(made)
    assert jobs.read[-1][1] == 3
    assert jobs.finished == ["ada"]


async def test_batches_that_were_never_applied_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They were numbered by an incarnation that ended; what comes in their place asks first."""
    jobs = Jobs(job("ada", 0, 9))
    await rest(eraser(monkeypatch, jobs, partition(4)))
    assert jobs.finished == ["ada"]


async def test_jobs_at_the_same_batch_move_together_the_most_advanced_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs = Jobs(job("late"), job("ada", 5, 8), job("bob", 5, 8), job("later"))
    await rest(eraser(monkeypatch, jobs, partition(8)))
    assert jobs.read == [
        (5, 8, ("ada", "bob")),
        (0, 3, ("late", "later")),
        (4, 7, ("late", "later")),
        (8, 8, ("late", "later")),
    ]
    assert jobs.finished == ["ada", "bob", "late", "later"]


async def test_partitions_that_are_not_active_are_left_to_their_owner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = partition(6, number=1)
    lost.is_active = False
    jobs = Jobs(job("ada"), job("ada", number=1))
    await rest(eraser(monkeypatch, jobs, partition(6), lost))
    assert jobs.jobs == [job("ada", number=1)]


async def test_without_jobs_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await rest(eraser(monkeypatch, Jobs(), partition(6))) == 0
