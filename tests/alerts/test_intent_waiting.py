"""FunnelIntentWaiting: somebody asked to be spoken to, and it does not get into PostgreSQL."""

from pathlib import Path
from typing import Any

import asyncpg

from tests.alerts.conftest import Shop, contact_on
from tests.alerts.prometheus import prometheus
from tests.alerts.runbook import Runbook
from tests.failure.rig import until
from tests.security.test_service import Installation

PAGE = Runbook("intent-waiting")
PATIENCE_SECONDS = 150.0


async def test_somebody_holds_a_lock_and_is_ended(
    installation: Installation, shop: Shop, home: Path, administrator: asyncpg.Connection
) -> None:
    contact = contact_on(5)
    async with installation.start("worker") as worker, prometheus(home, [worker.url]) as watching:
        await watching.until_quiet()
        culprit = await asyncpg.connect(installation.postgres.admin_url)
        try:
            # As an index that is made without CONCURRENTLY does it.
            await culprit.execute("BEGIN; LOCK TABLE contact IN SHARE MODE")
            await shop.sends(contact, "demo.requested", {"product_id": "analytics"})
            await watching.until_fires("FunnelIntentWaiting", PATIENCE_SECONDS)
            who = PAGE.command("SELECT pid, application_name")

            async def holder() -> Any:
                return await administrator.fetchrow(who)

            found = await until(holder)
            assert not found["application_name"].startswith("funnel-")
            ends = PAGE.command("SELECT pg_terminate_backend", PID=str(found["pid"]))
            assert await administrator.fetchval(ends)
        finally:
            culprit.terminate()
        await watching.until_ends("FunnelIntentWaiting")
        assert await installation.became(contact) == "lead"
        await watching.until_quiet()
