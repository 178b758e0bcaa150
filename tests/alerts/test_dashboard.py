"""The dashboard and the rules, asked of a Prometheus that scrapes every role."""

import re
from pathlib import Path

import httpx

from tests.alerts.conftest import Shop, contact_on
from tests.alerts.prometheus import prometheus
from tests.contract.test_observability import PANELS, RULES
from tests.failure.rig import until
from tests.security.test_service import Installation

EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in PANELS for target in panel.get("targets", [])
]
ALWAYS_THERE = {
    *("funnel_ready", "funnel_build_info", "funnel_contacts", "funnel_consumer_lag"),
    *("funnel_apply_lag", "funnel_published_offset", "funnel_interactions_received_total"),
    *("funnel_interactions_handled_total", "funnel_transitions_total", "funnel_outbox_batches"),
    *("funnel_outbox_oldest_seconds", "funnel_oldest_unapplied_intent_seconds"),
    *("funnel_incarnations_total", "funnel_rebalances_total", "funnel_dead_letters_total"),
    *("funnel_webhook_deliveries_total", "funnel_timers_late_seconds_bucket"),
    *("funnel_apply_seconds_bucket", "funnel_publish_seconds_bucket", "funnel_stream_clients"),
    *("funnel_database_pool_used", "funnel_database_pool_max", "funnel_takeover_seconds_bucket"),
}
"""Of a system that has handled one contact. The others come with their first event."""


async def test_every_name_is_scraped_from_some_role_and_every_question_is_answered(
    installation: Installation, shop: Shop, home: Path
) -> None:
    async with (
        installation.start("worker") as worker,
        installation.start("api") as api,
        installation.start("webhooks") as webhooks,
        prometheus(home, [worker.url, api.url, webhooks.url]) as watching,
        httpx.AsyncClient(timeout=10) as client,
    ):
        contact = contact_on(1)
        await shop.signs_up(contact)
        assert await installation.became(contact) == "lead"
        texts = [(await client.get(f"{role.url}/metrics")).text for role in (worker, api, webhooks)]
        kinds = dict(re.findall(r"^# TYPE (funnel_\w+) (\w+)$", "\n".join(texts), re.MULTILINE))
        for expression in EXPRESSIONS:
            for name in re.findall(r"\bfunnel_\w+", expression):
                family = name if name in kinds else re.sub("_(bucket|sum|count)$", "", name)
                assert family in kinds, name
            assert await watching.ask("query", query=expression) is not None, expression

        async def are_there() -> bool:
            found = await watching.ask("label/__name__/values")
            return set(found or ()) >= ALWAYS_THERE

        await until(are_there, 30.0)
