"""All operations of the API, a few cases each: what is new does not escape, and nothing breaks.

The same in depth: ``make fuzz``.
"""

import asyncio
from pathlib import Path

import httpx
import pytest

from app.runtime.embedded.stack import EmbeddedStack
from tests.fuzz.asking import Fuzzed, fuzz
from tests.fuzz.generating import LEFT_OUT, SHORT, Plan
from tests.fuzz.installation import installed
from tests.fuzz.run import OTHER, OWN, tokens
from tests.fuzz.traffic import HALTED, add_deliveries, send_traffic
from tests.scenario.serving import bearer

PLAN = Plan(SHORT, examples=6, chains=6, seed=7)
POISON = 3


@pytest.mark.timeout(400)
async def test_every_operation_keeps_to_its_description(
    stack: EmbeddedStack, database_url: str, tmp_path: Path
) -> None:
    servers = stack.bootstrap_servers
    async with installed(servers, database_url, tmp_path, FUNNEL_API__TOKENS=tokens()) as (
        installation,
        url,
    ):
        async with httpx.AsyncClient(base_url=url, headers=bearer(OWN.token), timeout=30) as client:
            known = (
                await send_traffic(client, servers, poison=POISON, letters=POISON),
                await add_deliveries(client),
                HALTED,
            )
            description = (await client.get("/schema")).json()
        found = await asyncio.to_thread(fuzz, url, PLAN, tmp_path, (OWN, OTHER), known)
        assert not installation.errors()
    assert not found.errors
    assert not found.faults, "\n".join(map(str, found.faults.values()))
    assert not found.never_asked
    assert len(found.operations) + len(LEFT_OUT) == sum(map(len, description["paths"].values()))
    assert_reached(found)


def assert_reached(found: Fuzzed) -> None:
    """Those that need what others gave did get it: else all of this is about nothing."""
    done = set(found.operations) - set(found.never_done)
    assert {
        "GET /v1/contacts/{contact_id}/why",
        "GET /v1/commands/{command_id}",
        "POST /v1/dead-letters/{letter_id}/redrive",
        "POST /v1/models/{model}/lint",
        "DELETE /v1/webhooks/{webhook_id}",
    } <= done
