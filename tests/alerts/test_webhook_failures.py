"""FunnelWebhookFailures: a receiver answers with errors."""

import json
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web

from tests.alerts.conftest import BEARER, Shop, again_and_again, contact_on, tokens
from tests.alerts.prometheus import prometheus
from tests.alerts.runbook import Runbook
from tests.failure.rig import until
from tests.security.test_service import PATIENCE_SECONDS, Installation
from tests.webhooks.conftest import SECRET_KEY
from tests.webhooks.receiver import Receiver

PAGE = Runbook("webhook-failures")
SETTINGS = {
    "FUNNEL_WEBHOOKS__SECRET_KEY": SECRET_KEY,
    "FUNNEL_WEBHOOKS__ALLOW_HTTP": "true",
    "FUNNEL_WEBHOOKS__ALLOW_NETWORKS": "127.0.0.0/8",
    "FUNNEL_API__TOKENS": tokens("webhooks:write"),
}


async def test_a_receiver_that_fails_is_disabled_and_enabled_when_it_is_back(
    installation: Installation, shop: Shop, home: Path
) -> None:
    receiver = Receiver(lambda _: web.Response(status=500))
    await receiver.start()
    async with (
        installation.start("worker") as worker,
        installation.start("api", **SETTINGS) as api,
        installation.start("webhooks", **SETTINGS) as webhooks,
        prometheus(home, [worker.url, api.url, webhooks.url]) as watching,
        httpx.AsyncClient(base_url=api.url, headers=BEARER, timeout=20) as client,
    ):
        await watching.until_quiet()
        made = await client.post(
            "/v1/webhooks",
            json={"url": receiver.url, "types": ["funnel.contact.stage_changed.v1"]},
        )
        assert made.status_code == 201, made.text
        ids = {"ID": made.json()["webhook"]["id"]}
        async with again_and_again(lambda: shop.signs_up(contact_on(2)), 0.3):
            await watching.until_fires("FunnelWebhookFailures")
            told = await call(client, "GET /v1/webhooks/ID/deliveries", **ids)
            assert {each["failure"] for each in told["items"]} <= {"status", None}
            failed = told["items"][-1]
            assert (failed["failure"], failed["status"]) == ("status", 500)
            await call(client, "PATCH /v1/webhooks/ID", '{"is_enabled": false}', **ids)
            await watching.until_ends("FunnelWebhookFailures")
            receiver.received.clear()
            receiver.answer = lambda _: web.Response()
            await call(client, "PATCH /v1/webhooks/ID", '{"is_enabled": true}', **ids)
            again = "POST /v1/webhooks/ID/deliveries/DELIVERY/redeliver"
            await call(client, again, DELIVERY=str(failed["id"]), **ids)
            await until(lambda: failed["event_id"] in receiver.ids, PATIENCE_SECONDS)
        await watching.until_quiet()
    await receiver.stop()


async def call(
    client: httpx.AsyncClient, request: str, body: str | None = None, **filled_in: str
) -> Any:
    """A request of the page, with a body of the page."""
    method, path = PAGE.command(request, **filled_in).split()
    content = None if body is None else json.loads(PAGE.command(body))
    answer = await client.request(method, path, json=content)
    assert answer.is_success, answer.text
    return answer.json()
