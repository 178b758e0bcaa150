"""Who wants to be told what, and what became of it. The role `webhooks` delivers."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from uuid import UUID, uuid4

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from msgspec import UNSET
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api import webhook_shapes as shapes
from app.api.bodies import media_type_of
from app.api.cursor import After, Limit, Number, cursor_of, key_of
from app.api.database import Database
from app.api.decoding import decode_body
from app.api.describing import USUAL, WITH_BODY, needs
from app.api.principal import Principal, Scope
from app.api.problems import Problem, not_found, wrong_field
from app.api.webhook_shapes import (
    Delivery,
    DeliveryPage,
    NewWebhook,
    NewWebhookOperation,
    RotatedSecret,
    Webhook,
    WebhookChange,
    WebhookChangeOperation,
    WebhookPage,
    WebhookWithSecret,
    delivery_shape,
    webhook_shape,
)
from app.domain.timestamps import format_rfc3339
from app.outbound.webhooks.addresses import AddressGuard, url_error
from app.outbound.webhooks.events import TEST_TYPE
from app.outbound.webhooks.vault import Vault, make_secret
from app.settings import Webhooks as WebhookSettings
from app.storage import webhooks as storage
from app.storage.webhooks import StoredWebhook

USES: dict[str, Any] = needs(Scope.WEBHOOKS_WRITE, "Webhooks")
CHANGES: dict[str, Any] = needs(Scope.WEBHOOKS_WRITE, "Webhooks", problems=(*USUAL, 409))
BODY_MAX_BYTES: Final = 64 * 1024
BY_USER: Final = "by_user"

Moment = tuple[Number, Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]]
OnlyState = Annotated[
    Literal["pending", "delivered", "dead"] | None,
    QueryParameter(name="state", description="Only these."),
]


class Subscriptions:
    """What the routes need besides the database."""

    def __init__(self, database: Database, settings: WebhookSettings) -> None:
        self.settings = settings
        self.vault = Vault(settings.secret_keys)
        self._database = database
        self._guard = AddressGuard(settings.networks)

    @property
    def engine(self) -> AsyncEngine:
        return self._database.engine

    def check(self, url: str) -> None:
        """Problem 422."""
        wrong = url_error(url, self._guard, allow_http=self.settings.allow_http)
        if wrong is not None:
            raise wrong_field("/url", wrong)

    async def find(self, principal: Principal, webhook_id: str) -> StoredWebhook:
        """Problem 404."""
        found = await storage.find(self.engine, principal.tenant, known(webhook_id))
        if found is None:
            raise not_found("webhook")
        return found

    async def enabled(self, principal: Principal, webhook_id: str) -> StoredWebhook:
        """Problem 404, 409."""
        found = await self.find(principal, webhook_id)
        if not found.is_enabled:
            raise Problem(409, "webhook-disabled", "the webhook is disabled: enable it first")
        return found


def known(webhook_id: str) -> UUID:
    """Problem 404."""
    found = shapes.webhook_id_of(webhook_id)
    if found is None:
        raise not_found("webhook")
    return found


@get("/webhooks", summary="Webhooks, newest first", **USES)
async def list_webhooks(
    principal: Given[Principal],
    subscriptions: Given[Subscriptions],
    limit: Limit = 50,
    after: After = None,
) -> WebhookPage:
    last = key_of(after, Moment)
    found = await storage.webhooks(
        subscriptions.engine,
        principal.tenant,
        limit=limit + 1,
        after=None if last is None else (last[0], UUID(last[1])),
    )
    items = [webhook_shape(each) for each in found[:limit]]
    if len(found) <= limit:
        return WebhookPage(items, None)
    return WebhookPage(items, cursor_of((found[limit - 1].created_at, items[-1].id)))


@post(
    "/webhooks",
    summary="Be told of events",
    request_max_body_size=BODY_MAX_BYTES,
    **needs(Scope.WEBHOOKS_WRITE, "Webhooks", NewWebhookOperation, (*WITH_BODY, 409)),
)
async def create_webhook(
    request: Request[Any, Any, Any],
    principal: Given[Principal],
    subscriptions: Given[Subscriptions],
) -> WebhookWithSecret:
    """Its secret is told here and never again. Events from now on are delivered, until it is
    disabled."""
    media_type_of(request, ("application/json",))
    wanted = decode_body(await request.body(), NewWebhook)
    subscriptions.check(wanted.url)
    webhook_id, secret = uuid4(), make_secret()
    made = await storage.create(
        subscriptions.engine,
        principal.tenant,
        {
            "id": webhook_id,
            "url": wanted.url,
            "description": wanted.description,
            "types": [each.value for each in wanted.types],
            "filters": wanted.filters.as_stored(),
            "created_by": principal.actor,
            **_enabling(wanted.is_enabled),
        },
        subscriptions.vault.seal(webhook_id, secret),
        most=subscriptions.settings.webhooks_max,
    )
    if made is None:
        most = subscriptions.settings.webhooks_max
        raise Problem(409, "too-many-webhooks", f"a tenant has at most {most}: delete one first")
    return WebhookWithSecret(webhook_shape(made), secret)


@get("/webhooks/{webhook_id:str}", summary="A webhook", **USES)
async def webhook(
    webhook_id: FromPath[str], principal: Given[Principal], subscriptions: Given[Subscriptions]
) -> Webhook:
    return webhook_shape(await subscriptions.find(principal, webhook_id))


@patch(
    "/webhooks/{webhook_id:str}",
    summary="Change a webhook; disable it, enable it",
    request_max_body_size=BODY_MAX_BYTES,
    **needs(Scope.WEBHOOKS_WRITE, "Webhooks", WebhookChangeOperation, WITH_BODY),
)
async def change_webhook(
    request: Request[Any, Any, Any],
    webhook_id: FromPath[str],
    principal: Given[Principal],
    subscriptions: Given[Subscriptions],
) -> Webhook:
    """Of a disabled one, what is pending waits; nothing that happens meanwhile is for it."""
    media_type_of(request, ("application/json",))
    wanted = decode_body(await request.body(), WebhookChange)
    if wanted.url is not UNSET:
        subscriptions.check(wanted.url)
    values = _changed(wanted)
    if not values:
        return webhook_shape(await subscriptions.find(principal, webhook_id))
    found = await storage.change(subscriptions.engine, principal.tenant, known(webhook_id), values)
    if found is None:
        raise not_found("webhook")
    return webhook_shape(found)


@delete("/webhooks/{webhook_id:str}", summary="Delete a webhook, what is pending, too", **USES)
async def delete_webhook(
    webhook_id: FromPath[str], principal: Given[Principal], subscriptions: Given[Subscriptions]
) -> None:
    if not await storage.delete(subscriptions.engine, principal.tenant, known(webhook_id)):
        raise not_found("webhook")


@post(
    "/webhooks/{webhook_id:str}/rotate-secret",
    summary="A new secret; for a while both sign",
    status_code=200,
    **USES,
)
async def rotate_secret(
    webhook_id: FromPath[str], principal: Given[Principal], subscriptions: Given[Subscriptions]
) -> RotatedSecret:
    """Rotated again meanwhile, only the last two sign."""
    found, secret = known(webhook_id), make_secret()
    until = await storage.rotate(
        subscriptions.engine,
        principal.tenant,
        found,
        subscriptions.vault.seal(found, secret),
        subscriptions.settings.rotation_seconds,
    )
    if until is None:
        raise not_found("webhook")
    return RotatedSecret(secret, format_rfc3339(until))


@get("/webhooks/{webhook_id:str}/deliveries", summary="What became of its events", **USES)
async def deliveries(
    webhook_id: FromPath[str],
    principal: Given[Principal],
    subscriptions: Given[Subscriptions],
    only: OnlyState = None,
    limit: Limit = 50,
    after: After = None,
) -> DeliveryPage:
    """Newest first; those that are done are kept for some days."""
    last = key_of(after, Number)
    stored = await subscriptions.find(principal, webhook_id)
    found = await storage.deliveries(
        subscriptions.engine, stored.id, limit=limit + 1, state=only, before=last
    )
    items = [delivery_shape(each) for each in found[:limit]]
    return DeliveryPage(items, cursor_of(items[-1].id) if len(found) > limit else None)


@post(
    "/webhooks/{webhook_id:str}/deliveries/{delivery_id:str}/redeliver",
    summary="Deliver an event again",
    status_code=202,
    **CHANGES,
)
async def redeliver(
    webhook_id: FromPath[str],
    delivery_id: FromPath[str],
    principal: Given[Principal],
    subscriptions: Given[Subscriptions],
) -> Delivery:
    """At once, and then as if it were new; one that waits is tried now. Works as long as Kafka
    keeps the event."""
    stored = await subscriptions.enabled(principal, webhook_id)
    number = int(delivery_id) if re.fullmatch("[0-9]{1,18}", delivery_id) else 0
    found = await storage.redeliver(subscriptions.engine, stored.id, number)
    if found is None:
        raise not_found("delivery")
    return delivery_shape(found)


@post(
    "/webhooks/{webhook_id:str}/test",
    summary="Send a test event",
    status_code=202,
    **CHANGES,
)
async def test_webhook(
    webhook_id: FromPath[str], principal: Given[Principal], subscriptions: Given[Subscriptions]
) -> Delivery:
    """Of type funnel.webhook.test.v1, whatever its types and filters; how it went stands among its
    deliveries."""
    stored = await subscriptions.enabled(principal, webhook_id)
    found = await storage.add_test(
        subscriptions.engine, stored.id, f"test-{uuid4().hex}", TEST_TYPE
    )
    return delivery_shape(found)


def _changed(wanted: WebhookChange) -> Mapping[str, Any]:
    values: dict[str, Any] = {}
    if wanted.url is not UNSET:
        values |= {"url": wanted.url, "failing_since": None, "paused_until": None}
    if wanted.description is not UNSET:
        values["description"] = wanted.description
    if wanted.types is not UNSET:
        values["types"] = [each.value for each in wanted.types]
    if wanted.filters is not UNSET:
        values["filters"] = wanted.filters.as_stored()
    if wanted.is_enabled is not UNSET:
        values |= _enabling(wanted.is_enabled)
    return values


def _enabling(is_enabled: bool) -> dict[str, Any]:
    if is_enabled:
        return {"is_enabled": True, "disabled_reason": None, "paused_until": None}
    return {"is_enabled": False, "disabled_reason": BY_USER}


WEBHOOK_ROUTES: list[HTTPRouteHandler] = [
    list_webhooks,
    create_webhook,
    webhook,
    change_webhook,
    delete_webhook,
    rotate_secret,
    deliveries,
    redeliver,
    test_webhook,
]
