"""Webhooks and deliveries as the HTTP interface shows them, and takes them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from app.api.describing import Described, json_body
from app.domain.interaction import Microseconds
from app.domain.timestamps import format_rfc3339
from app.outbound.headers import EventType
from app.outbound.webhooks.addresses import URL_MAX_CHARS
from app.outbound.webhooks.matching import Filter
from app.storage.webhooks import StoredDelivery, StoredWebhook

VALUES_MAX: Final = 100
Words = Annotated[
    list[Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern="^[^\\x00]*$")]],
    msgspec.Meta(min_length=1, max_length=VALUES_MAX),
]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=URL_MAX_CHARS)]
Description = Annotated[str, msgspec.Meta(max_length=500, pattern="^[^\\x00]*$")]
Types = Annotated[list[EventType], msgspec.Meta(max_length=len(EventType))]


class Filters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Each that is given must hold: the event has one of its values."""

    stage: Words | UnsetType = UNSET
    from_stage: Words | UnsetType = UNSET
    to_stage: Words | UnsetType = UNSET
    owner_team: Words | UnsetType = UNSET
    owner: Words | UnsetType = UNSET
    temperature: Words | UnsetType = UNSET

    def as_stored(self) -> dict[str, list[str]]:
        found = {name.value: getattr(self, name.value) for name in Filter}
        return {name: values for name, values in found.items() if values is not UNSET}


class WebhookChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    url: Url | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    types: Types | UnsetType = UNSET
    filters: Filters | UnsetType = UNSET
    is_enabled: bool | UnsetType = UNSET


class NewWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No types: all of them. No filters: whatever it is about."""

    url: Url
    description: Description = ""
    types: Types = []
    filters: Filters = Filters()
    is_enabled: bool = True


class Webhook(msgspec.Struct, frozen=True):
    id: str
    url: str
    description: str
    types: list[str]
    """Empty: all."""
    filters: dict[str, list[str]]
    is_enabled: bool
    disabled_reason: str | None
    """by_user; gone: the receiver answered 410; backlog: too much waits for it."""
    failing_since: str | None
    paused_until: str | None
    """As its Retry-After asked."""
    previous_secret_until: str | None
    """Till then the secret of before its rotation signs, too."""
    created_at: str
    created_by: str


class WebhookWithSecret(msgspec.Struct, frozen=True):
    webhook: Webhook
    secret: str
    """Keep it now: it is not shown again."""


class RotatedSecret(msgspec.Struct, frozen=True):
    secret: str
    """Keep it now: it is not shown again."""
    previous_valid_until: str


class WebhookPage(msgspec.Struct, frozen=True):
    items: list[Webhook]
    next: str | None


class Delivery(msgspec.Struct, frozen=True):
    """An event to a webhook. `failure` is of the last attempt."""

    id: int
    event_id: str
    type: str
    state: str
    attempts: int
    created_at: str
    next_attempt_at: str | None
    tried_at: str | None
    done_at: str | None
    status: int | None
    failure: str | None
    took_ms: int | None


class DeliveryPage(msgspec.Struct, frozen=True):
    items: list[Delivery]
    next: str | None


def webhook_shape(stored: StoredWebhook) -> Webhook:
    return Webhook(
        stored.id.hex,
        stored.url,
        stored.description,
        list(stored.types),
        {name: list(values) for name, values in stored.filters.items()},
        stored.is_enabled,
        stored.disabled_reason,
        _time(stored.failing_since),
        _time(stored.paused_until),
        _time(stored.previous_until),
        format_rfc3339(stored.created_at),
        stored.created_by,
    )


def delivery_shape(stored: StoredDelivery) -> Delivery:
    return Delivery(
        stored.id,
        stored.event_id,
        stored.type,
        stored.state,
        stored.attempts,
        format_rfc3339(stored.created_at),
        format_rfc3339(stored.due_at) if stored.state == "pending" else None,
        _time(stored.tried_at),
        _time(stored.done_at),
        stored.status,
        stored.failure,
        stored.took_ms,
    )


def _time(moment: Microseconds | None) -> str | None:
    return None if moment is None else format_rfc3339(moment)


def webhook_id_of(text: str) -> UUID | None:
    """None: no webhook can have that one."""
    return UUID(text) if re.fullmatch("[0-9a-f]{32}", text) else None


NEW_EXAMPLE: Final[Mapping[str, Any]] = {
    "url": "https://crm.example/hooks/funnel",
    "description": "opportunities to the CRM",
    "types": [EventType.BECAME_OPPORTUNITY.value, EventType.HANDOFF_REQUESTED.value],
    "filters": {"owner_team": ["sales"]},
}
CHANGE_EXAMPLE: Final[Mapping[str, Any]] = {"is_enabled": False}


@dataclass
class NewWebhookOperation(Described):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.request_body = json_body(_inlined([NewWebhook]), NEW_EXAMPLE)


@dataclass
class WebhookChangeOperation(Described):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.request_body = json_body(_inlined([WebhookChange]), CHANGE_EXAMPLE)


def _inlined(kinds: Sequence[type[msgspec.Struct]]) -> dict[str, Any]:
    """The schema of the first, without references."""
    (schema, *_), parts = msgspec.json.schema_components(kinds, ref_template="{name}")

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return walk(parts[node["$ref"]])
            return {name: walk(part) for name, part in node.items()}
        return [walk(part) for part in node] if isinstance(node, list) else node

    found: dict[str, Any] = walk(schema)
    return found
