"""How fast lists, searches and counts answer over a million contacts: every filter in every order.

    python -m tests.load.lists [--contacts 1000000] [--rounds 50] [--keep DIRECTORY]

Starts a PostgreSQL of its own, fills the tables that lists read as an apply would (in DIRECTORY
once, for the runs that follow), and asks `funnel api` over HTTP. Milliseconds of the first page:
p50, p99 and the longest; and, for a machine that does something else meanwhile, the mean CPU of the
API and of PostgreSQL.
"""

import argparse
import gc
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from itertools import product
from math import ceil
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import asyncpg
import msgspec
import psutil
import uvloop
from pydantic import SecretStr

from app.domain.listing import Listing, work_order
from app.domain.personal import search_key, turned
from app.domain.topics import CONTACT_LANE_INPUTS
from app.runtime.embedded.postgres import EmbeddedPostgres
from app.settings import Database
from app.storage import ownership
from app.storage.connect import connect
from app.storage.copy_listing import LISTING_COLUMNS, listing_rows
from app.storage.flow_sums import sum_settled_flows
from app.storage.migrate import migrate
from app.storage.rows import ListingRow
from tests.load.api_process import ApiProcess, api_process

PARTITIONS: Final = 12
AT_ONCE: Final = 20_000
NOW: Final = 1_790_000_000_000_000
DAY: Final = 86_400_000_000
TODAY: Final = date(2026, 11, 30)
STAGES: Final = {
    "lead": 55.0, "prospect": 20.0, "customer": 9.9, "recycled": 9.0, "opportunity": 5.0,
    "lost": 1.0, "disqualified": 0.1,
}  # fmt: skip
CHANNELS: Final = {
    None: 30.0,
    "web": 30.0,
    "email": 20.0,
    "webinar": 14.0,
    "fair": 5.0,
    "fax": 0.01,
}
CAMPAIGNS: Final = 60
OWNERS: Final = 100
DAYS: Final = 730
MOVES: Final = (
    ("none", "lead"), ("lead", "prospect"), ("prospect", "opportunity"),
    ("opportunity", "customer"), ("opportunity", "lost"), ("lead", "recycled"),
    ("prospect", "recycled"), ("recycled", "prospect"), ("lost", "recycled"),
    ("lead", "disqualified"), ("customer", "opportunity"),
)  # fmt: skip

WARM_UP: Final = 10
"""Then the API's connection has the statement prepared, and its plan chosen."""
BOUNDS_MS: Final = {"/v1/contacts": 30, "/v1/funnel/summary": 100}
"""Of issue 5."""

Question = tuple[str, dict[str, str]]


class Company:
    """The same for the same seed. Fair contacts are cold leads, and old: filters that go badly
    with every order."""

    def __init__(self, contacts: int) -> None:
        self.contacts = contacts
        self._random = random.Random(7)
        words = ["".join(self._random.choices("aeiou", k=1) + self._random.choices(
            "bdfgklmnprstvz", k=1)) for _ in range(400)]  # fmt: skip
        self.first = [self._word(words, 2).title() for _ in range(500)]
        self.last = [self._word(words, 3).title() for _ in range(5_000)]
        self.firms = [self._word(words, 4) for _ in range(50_000)]

    def _word(self, words: list[str], n: int) -> str:
        return "".join(self._random.choices(words, k=n))

    def rows(self, first: int) -> Iterator[tuple[ListingRow, tuple[Any, ...]]]:
        for n in range(first, min(first + AT_ONCE, self.contacts)):
            yield self._row(n)

    def _row(self, n: int) -> tuple[ListingRow, tuple[Any, ...]]:
        any_ = self._random
        [channel] = any_.choices(list(CHANNELS), list(CHANNELS.values()))
        [stage] = any_.choices(list(STAGES), list(STAGES.values()))
        temperature = any_.choices(("hot", "warm", "cold"), (4, 16, 80))[0]
        updated = NOW - any_.randrange(300 * DAY)
        if channel == "fair":
            stage, temperature, updated = "lead", "cold", updated - 300 * DAY
        due = None
        if temperature != "cold" and any_.random() < 0.5:
            due = NOW + any_.randrange(-DAY, 3 * DAY) // 60_000_000 * 60_000_000
        priority, firm, key = any_.randrange(100_000), any_.choice(self.firms), f"crm-{n:08}"
        account = f"{firm}.example" if any_.random() < 0.6 else None
        listing = Listing(
            stage, temperature, 1, stage == "customer", updated, due,
            work_order(temperature, due, priority, key), 50_000, 50_000, priority,
            f"rep-{any_.randrange(OWNERS)}" if any_.random() < 0.3 else None, account, channel,
            f"c-{int(any_.random() ** 2 * CAMPAIGNS)}" if channel else None, None,
        )  # fmt: skip
        name = f"{any_.choice(self.first)} {any_.choice(self.last)}"
        email = f"{name.replace(' ', '.').lower()}@{account or 'mail.example'}"
        name_key, partition = search_key(name), n % PARTITIONS
        told = (partition, "default", key, name, email, firm.title(), name_key, turned(name_key),
                email, firm)  # fmt: skip
        return ListingRow(partition, "default", key, updated, listing), told


async def fill(connection: asyncpg.Connection, company: Company) -> None:
    topics = list(CONTACT_LANE_INPUTS)
    await ownership.record_lane(connection, "contacts", PARTITIONS, topics, ["a", "b"])
    for start in range(0, company.contacts, AT_ONCE):
        rows = list(company.rows(start))
        packed: Any = memoryview(listing_rows([row for row, _ in rows]))
        await connection.copy_to_table(
            "contact_view", source=packed, columns=LISTING_COLUMNS, format="binary"
        )
        await connection.copy_records_to_table(
            "profile",
            records=[told for _, told in rows],
            columns=("partition", "tenant", "contact_id", "name", "email", "company", "name_key",
                     "name_turned", "email_key", "company_key"),
        )  # fmt: skip
    for partition in range(PARTITIONS):
        await ownership.create_partition(
            connection, "contacts", partition, next_offsets=(0, 0), as_of=NOW
        )
    await _fill_counts(connection)
    await sum_settled_flows(connection, TODAY)  # as the workers' housekeeping does
    for table in ("contact_view", "profile", "stage_flow", "touch_flow", "open_deal"):
        await connection.execute(f"VACUUM ANALYZE {table}")


async def _fill_counts(connection: asyncpg.Connection) -> None:
    await connection.execute(
        "INSERT INTO counter SELECT partition, tenant, stage, count(*) FROM contact_view"
        " GROUP BY partition, tenant, stage"
    )
    days = [TODAY - timedelta(days=n) for n in range(DAYS)]
    months = sorted({day.replace(day=1) for day in days})
    places = range(PARTITIONS)
    await connection.copy_records_to_table(
        "stage_flow",
        records=[(p, "default", day, *move, 30, 9_000_000)
                 for p, day, move in product(places, days, MOVES)],
    )  # fmt: skip
    touches = [
        ("", ""),
        *product(("web", "email", "webinar"), map("c-{}".format, range(CAMPAIGNS))),
    ]
    await connection.copy_records_to_table(
        "touch_flow",
        records=[(p, "default", month, *touch, *move, 5, 900_000)
                 for p, month, touch, move in product(places, months, touches, MOVES)],
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO open_deal SELECT partition, tenant, contact_id, 'd', 1000, 'EUR', 0.3,"
        " '2026-12-' || lpad((1 + ascii(right(contact_id, 1)) % 28)::text, 2, '0')"
        " FROM contact_view WHERE stage = 'opportunity'"
    )


def questions(company: Company) -> Iterator[Question]:
    filters: list[dict[str, str]] = [
        {}, *({"stage": stage} for stage in STAGES), *({"temperature": t} for t in ("hot", "cold")),
        {"owner": "rep-7"}, {"owner": "nobody"}, {"owner_team": "sales"},
        {"account": f"{company.firms[7]}.example"}, {"channel": "web"}, {"channel": "fair"},
        {"channel": "fax"}, {"campaign": "c-0"}, {"campaign": "c-40"},
        {"text": company.last[3][:3]}, {"text": company.first[5]}, {"text": "crm-0000"},
        {"text": f"{company.first[5]} {company.last[3][0]}".lower()}, {"text": "zzz"},
        {"stage": "lead", "temperature": "hot"}, {"stage": "customer", "owner": "rep-7"},
        {"stage": "customer", "channel": "fair"}, {"channel": "web", "campaign": "c-0"},
        {"channel": "fair", "owner": "rep-7"}, {"owner": "rep-7", "text": company.first[5]},
    ]  # fmt: skip
    for each in filters:
        for sort in ("follow-up", "updated"):
            yield "/v1/contacts", {**each, "sort": sort}
    for by in ("none", "day", "week", "month", "channel", "campaign"):
        yield "/v1/funnel/summary", {"by": by}
        first = "2024-12-02" if by in ("none", "week", "month") else "2025-12-01"
        yield "/v1/funnel/summary", {"by": by, "since": first, "until": "2026-11-30"}
    yield "/v1/funnel/summary", {"channel": "web", "since": "2025-12-01", "until": "2026-11-30"}
    yield "/v1/funnel/forecast", {}


def cpu_of(pid: int) -> float:
    """Seconds, of the process and those below it."""
    server = psutil.Process(pid)
    processes = [server, *server.children(recursive=True)]
    return float(sum(sum(process.cpu_times()[:2]) for process in processes))


class Took(NamedTuple):
    """Milliseconds."""

    path: str
    p50: float
    p99: float


async def ask_all(
    api: ApiProcess, postgres: int, company: Company, rounds: int
) -> AsyncIterator[Took]:
    """Each question so often, one at a time, over one connection."""
    async with aiohttp.ClientSession(api.url) as session:
        for path, parameters in questions(company):
            for _ in range(
                WARM_UP
            ):  # the API's connections have the statement prepared, and planned
                await _ask(session, path, parameters)
            before = cpu_of(api.pid), cpu_of(postgres)
            answers = [await _ask(session, path, parameters) for _ in range(rounds)]
            own, theirs = cpu_of(api.pid) - before[0], cpu_of(postgres) - before[1]
            took = sorted(seconds * 1000 for seconds, _ in answers)
            found = msgspec.json.decode(answers[0][1])
            rows = len(found.get("items", found.get("groups", ())))
            p50, p99 = took[len(took) // 2], took[ceil(len(took) * 0.99) - 1]
            asked = "&".join(f"{name}={value}" for name, value in parameters.items())
            say(
                f"{p50:7.1f} {p99:7.1f} {took[-1]:7.1f} ms  CPU {own / rounds * 1000:5.1f} +"
                f" {theirs / rounds * 1000:5.1f} ms {rows:4} rows  {path}?{asked}"
            )
            yield Took(path, p50, p99)


async def _ask(
    session: aiohttp.ClientSession, path: str, parameters: dict[str, str]
) -> tuple[float, bytes]:
    started = time.perf_counter()
    async with session.get(path, params=parameters) as answer:
        body = await answer.read()
        assert answer.status == 200, body
    return time.perf_counter() - started, body


async def read_table(api: ApiProcess) -> None:
    started, lines = time.perf_counter(), 0
    headers = {"accept": "text/csv"}
    async with (
        aiohttp.ClientSession(api.url, timeout=aiohttp.ClientTimeout()) as session,
        session.get("/v1/contacts", headers=headers) as answer,
    ):
        async for part in answer.content.iter_any():
            lines += part.count(b"\n")
    say(f"CSV: {lines:,} lines in {time.perf_counter() - started:.1f} s")


def judge(found: list[Took]) -> None:
    for path, bound in BOUNDS_MS.items():
        took = [each for each in found if each.path == path]
        within = sum(each.p99 <= bound for each in took)
        say(
            f"{path}: p99 of {within} of {len(took)} within {bound} ms, the slowest"
            f" {max(each.p99 for each in took):.1f} ms; p50 {min(each.p50 for each in took):.1f} to"
            f" {max(each.p50 for each in took):.1f} ms"
        )


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


async def run(directory: Path, contacts: int, rounds: int, *, with_table: bool) -> None:
    postgres = EmbeddedPostgres(directory / "postgres", print, 0, None)
    await postgres.start()
    try:
        await migrate(postgres.url)
        database = Database(url=SecretStr(postgres.url), transaction_timeout_seconds=600)
        connection = await connect(database, application_name="lists")
        company, started = Company(contacts), time.perf_counter()
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM contact_view)"):
            await fill(connection, company)
        size = await connection.fetchval("SELECT pg_total_relation_size('contact_view')")
        await connection.close()
        say(
            f"{contacts:,} contacts in {time.perf_counter() - started:.0f} s, lists {size >> 20} MB"
        )
        settings = {
            "FUNNEL_DATABASE__URL": postgres.url,
            "FUNNEL_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",  # lists need none
        }
        gc.freeze()  # the company is no part of what is measured
        async with api_process(directory / "api.log", settings) as api:
            judge([took async for took in ask_all(api, postgres.pid, company, rounds)])
            if with_table:
                await read_table(api)
    finally:
        await postgres.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.load.lists")
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--csv", action="store_true", help="and how long all of them take")
    parser.add_argument("--keep", type=Path, help="a directory whose contacts are used again")
    given = parser.parse_args()
    place = given.keep or Path(tempfile.mkdtemp(prefix="funnel-lists-"))
    place.mkdir(mode=0o755, exist_ok=True)
    place.chmod(0o755)
    try:
        uvloop.run(run(place, given.contacts, given.rounds, with_table=given.csv))
    finally:
        if given.keep is None:
            shutil.rmtree(place, ignore_errors=True)
