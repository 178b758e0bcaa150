"""FunnelDatabasePool: requests of the API wait for somebody's lock until no connection is left."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from app.storage.engine import POOL_MAX
from app.storage.sessions import session_name
from tests.alerts.conftest import BEARER, tokens
from tests.alerts.prometheus import prometheus
from tests.alerts.runbook import Runbook
from tests.failure.rig import until
from tests.security.test_service import Installation

PAGE = Runbook("database-pool")
SCRAPE = "4s"
"""A process whose connections are used up takes three seconds to say that it is not ready."""


async def test_somebody_who_holds_a_lock_is_found_and_ended(
    installation: Installation, home: Path, administrator: asyncpg.Connection
) -> None:
    settings = {"FUNNEL_API__TOKENS": tokens("contacts:read")}
    async with (
        installation.start("worker") as worker,
        installation.start("api", **settings) as api,
        prometheus(home, [worker.url, api.url], every=SCRAPE) as watching,
        httpx.AsyncClient(headers=BEARER, timeout=60) as client,
    ):
        await watching.until_quiet()
        is_mended = asyncio.Event()

        async def ask() -> set[int]:
            """Again and again: a request itself waits for half a minute at most."""
            statuses: set[int] = set()
            while not (is_mended.is_set() and statuses):
                statuses.add((await client.get(f"{api.url}/v1/contacts")).status_code)
            return statuses

        culprit = await asyncpg.connect(installation.postgres.admin_url)
        try:
            await culprit.execute("BEGIN; LOCK TABLE contact_view IN ACCESS EXCLUSIVE MODE")
            asked = [asyncio.create_task(ask()) for _ in range(POOL_MAX + 2)]
            await watching.until_fires("FunnelDatabasePool", instance=api.url[7:])
            who = PAGE.command("SELECT pid, state")

            async def blocker() -> Any:
                rows = await administrator.fetch(who)
                return next((pid for row in rows for pid in row["blocked_by"]), None)

            pid = await until(blocker)
            ends = PAGE.command("SELECT pg_terminate_backend", PID=str(pid))
            assert await administrator.fetchval(ends)
        finally:
            culprit.terminate()
            is_mended.set()
        assert set().union(*await asyncio.gather(*asked)) <= {200, 503, 504}
        await watching.until_ends("FunnelDatabasePool")
        await watching.until_quiet()


async def test_a_slow_statement_is_found_and_ended(
    installation: Installation, administrator: asyncpg.Connection
) -> None:
    """The page's other step; that of a session of the API, whoever it is."""
    slow = await asyncpg.connect(
        installation.postgres.admin_url,
        server_settings={"application_name": session_name("funnel-api")},
    )
    asked = asyncio.create_task(slow.execute("SELECT pg_sleep(600)"))
    try:

        async def found() -> Any:
            return await administrator.fetchrow(PAGE.command("SELECT pid, state"))

        pid = (await until(found))["pid"]
        cancels = PAGE.command("SELECT pg_cancel_backend", PID=str(pid))
        assert await administrator.fetchval(cancels)
        (failed,) = await asyncio.gather(asked, return_exceptions=True)
        assert isinstance(failed, asyncpg.QueryCanceledError)
    finally:
        slow.terminate()
