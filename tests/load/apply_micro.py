"""What the apply costs by itself: CPU of client and server, and WAL, for one contact row each.

    python -m tests.load.apply_micro --url postgresql://…/empty_database [--batch 3000]

Half a history row for each contact row, logs of 300 to 1,500 bytes, one segment per partition and
batch; `--listed` is the share of contacts of which the row in the lists is written, too. CPU is
user + system time of this process and of all processes of the server, so the server must be on
this machine and do nothing else.
"""

import argparse
import random
import sys
import time
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import psutil
import uvloop
from pydantic import SecretStr

from app.domain.changes import Cause, Change, ContactChange, GuardResult, Touch, View
from app.domain.listing import Listing, work_order
from app.settings import Database
from app.storage import apply, contacts, ownership, segments
from app.storage.connect import connect
from app.storage.migrate import migrate
from app.storage.rows import (
    ApplyBatch,
    ContactRow,
    CounterDelta,
    HistoryRow,
    ListingRow,
    PartitionMove,
    SegmentRow,
)

TODAY = datetime.now(UTC).date()
LANE, PARTITIONS, NOW = "contact", 6, 1_790_000_000_000_000
VIEW = View(
    stage="prospect", cycle=1, organisation="met", opportunity="unknown", stakeholder="unknown",
    engagement_strong=True, qualification_high=False, in_pipeline=False, has_offer=False,
    temperature="warm", fit=50_000, engagement=61_300, priority=55_600, owner_team="sales",
    owner=None, is_customer=False, account_id=None, first_touch=Touch("webinar", "spring"),
    last_touch=Touch("web", None),
)  # fmt: skip
GUARDS = (
    GuardResult("two_way_recent", True, "email.replied 0 d ago", "<= 90 d"),
    GuardResult("icp", True, "unknown", "not not_met"),
)


class Population:
    """What a lane would remember of its contacts: version, seq and the length of the log."""

    def __init__(self, size: int, random_: random.Random, listed: float) -> None:
        self.random = random_
        self.listed = listed
        self.ids = [f"crm-{n:08d}" for n in range(size)]
        self.versions = [0] * size
        self.seqs = [0] * size
        self.log_bytes = [0] * size

    def batches(
        self, count: int, rows: int, first_seq: int, *, fresh: bool
    ) -> Iterator[ApplyBatch]:
        everyone = range(len(self.ids))
        for n in range(count):
            chosen = (
                everyone[n * rows : (n + 1) * rows] if fresh else self.random.sample(everyone, rows)
            )
            yield self._batch(first_seq + n, list(chosen))

    def _batch(self, seq: int, chosen: list[int]) -> ApplyBatch:
        history = [self._history(i) for i in chosen[::2]]
        return ApplyBatch(
            lane=LANE,
            moves=[
                PartitionMove(
                    p, 1, seq - 1, (seq - 1, 0), seq, (seq, 0), NOW, seq - 1, (seq - 1, 0)
                )
                for p in range(PARTITIONS)
            ],
            contacts=[ContactRow(i % PARTITIONS, self._contact(i)) for i in chosen],
            history=history,
            sealed=[],
            dead_letters=[],
            segments=[self._segment(p, seq, len(chosen) // PARTITIONS) for p in range(PARTITIONS)],
            counters=[CounterDelta(p, "default", "prospect", 1) for p in range(PARTITIONS)],
            listings=[self._listing(i) for i in chosen[: int(self.listed * len(chosen))]],
        )

    def _listing(self, i: int) -> ListingRow:
        due = NOW + self.random.randrange(86_400_000_000)
        listing = Listing(
            stage=self.random.choice(("lead", "prospect", "opportunity")), temperature="warm",
            cycle=1, is_customer=False, entered_at=NOW, follow_up_due=due,
            work_order=work_order("warm", due, 55_600, self.ids[i]), fit=50_000, engagement=61_300,
            priority=55_600, owner=None, account_id=None,
            first_channel="webinar", first_campaign=None, linked_to=None,
        )  # fmt: skip
        return ListingRow(i % PARTITIONS, "default", self.ids[i], NOW + self.versions[i], listing)

    def _contact(self, i: int) -> ContactChange:
        entry = self.random.randbytes(30 if self.versions[i] else self.random.randint(300, 1200))
        keep = min(self.log_bytes[i], 1_470)
        self.log_bytes[i] = keep + len(entry)
        self.versions[i] += 1
        return ContactChange(
            tenant="default", contact_id=self.ids[i], expected_version=self.versions[i] - 1,
            stage="prospect", seq=self.seqs[i], check_at=NOW + 86_400_000_000,
            state=self.random.randbytes(180), log_head=entry, log_keep=keep, log_tail=b"",
        )  # fmt: skip

    def _history(self, i: int) -> HistoryRow:
        self.seqs[i] += 1
        change = Change(
            kind="changed", seq=self.seqs[i], revision=0,
            transition_id=f"{self.random.getrandbits(128):032x}", transition="T2",
            from_stage="lead", to_stage="prospect", cycle=1, effective_at=NOW, late=False,
            cause=Cause(f"{i:032x}", "https://mail.example/replies", "email.replied"),
            guards=GUARDS, evidence=(f"{i:032x}",), view=VIEW, model="b2b-default@1",
        )  # fmt: skip
        return HistoryRow(i % PARTITIONS, "default", self.ids[i], NOW, change, NOW - 5_000_000)

    def _segment(self, partition: int, seq: int, n: int) -> SegmentRow:
        noise = [(0, partition, seq, self.random.randbytes(60)) for _ in range(n)]
        blob = segments.pack(noise)
        return SegmentRow(
            day=TODAY, partition=partition, batch_seq=seq, next_offsets=(seq, 0), as_of=NOW,
            n=n, events=blob, outputs=blob,
        )  # fmt: skip


class Meter:
    """CPU and WAL between two moments, for one contact row."""

    def __init__(self, connection: asyncpg.Connection, server: psutil.Process) -> None:
        self.connection, self.server = connection, server
        self.client = self.clock = 0.0

    async def start(self) -> None:
        self.client = self.clock = 0.0
        self.before = await self._server()

    async def run(self, work: Awaitable[object]) -> None:
        client, clock = time.process_time(), time.perf_counter()
        await work
        self.client += time.process_time() - client
        self.clock += time.perf_counter() - clock

    async def report(self, name: str, rows: int) -> None:
        cpu, wal = (b - a for a, b in zip(self.before, await self._server(), strict=True))
        print(  # noqa: T201
            f"{name:<16} {rows:>8} rows  client {self.client / rows * 1e6:5.2f} µs"
            f"  server {cpu / rows * 1e6:5.2f} µs  WAL {wal / rows:5.0f} B"
            f"  {rows / self.clock:7.0f} rows/s"
        )

    async def _server(self) -> tuple[float, int]:
        wal = await self.connection.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
        processes = [self.server, *self.server.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes), int(wal)


def server_in(directory: str) -> psutil.Process:
    return psutil.Process(int(Path(directory, "postmaster.pid").read_text().split()[0]))


async def own_everything(connection: asyncpg.Connection) -> None:
    for partition in range(PARTITIONS):
        await ownership.create_partition(
            connection, LANE, partition, next_offsets=(0, 0), as_of=NOW
        )
        taken = await ownership.take_partition(
            connection, LANE, partition, epoch=0, previous_owner=None, owner="apply-micro",
            published_seq=0, published_offsets=(0, 0), lock_timeout_seconds=2,
        )  # fmt: skip
        if taken is None or taken.batch_seq:
            sys.exit("the database must be empty")


async def main(url: str, size: int, rows: int, rounds: int, listed: float) -> None:
    await migrate(url)
    connection = await connect(Database(url=SecretStr(url)), application_name="apply-micro")
    await apply.prepare(connection)
    await own_everything(connection)
    meter = Meter(connection, server_in(await connection.fetchval("SHOW data_directory")))
    population, seq = Population(size, random.Random(1), listed), 1
    for name, count in [("new contacts", size // rows), *[("known contacts", rounds)] * 3]:
        await meter.start()
        for batch in population.batches(count, rows, seq, fresh=seq == 1):
            await meter.run(
                apply.apply(
                    connection, batch, transaction_timeout_seconds=5, idle_timeout_seconds=3
                )
            )
        seq += count
        await meter.report(name, count * rows)
    keys = [(i % PARTITIONS, "default", contact_id) for i, contact_id in enumerate(population.ids)]
    await meter.start()
    for n in range(20):
        await meter.run(contacts.load(connection, random.Random(n).sample(keys, 2000)))
    await meter.report("load of 2,000", 40_000)
    await connection.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=3_000, help="contact rows in a batch")
    parser.add_argument("--rounds", type=int, default=30, help="batches in a measurement")
    parser.add_argument("--listed", type=float, default=0.5, help="share with a row in the lists")
    given = parser.parse_args()
    uvloop.run(main(given.url, given.contacts, given.batch, given.rounds, given.listed))
