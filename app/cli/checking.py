"""Is this interaction one the service would take? Asked before sending, by the lane's decoder."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from app.handling.known_types import Known
    from app.settings import Settings

Refusal = Callable[[Mapping[str, Any]], str | None]


def checker(settings: "Settings", tenants: "Mapping[str, Known] | None" = None) -> Refusal:
    """What is wrong with a CloudEvent as ``reason: message``; None where nothing is.

    `tenants`: the types of those that have models of their own; it may grow."""
    import msgspec

    from app.cli.sending import CLOUDEVENT
    from app.domain.topics import CONTACT_LANE_INPUTS
    from app.errors import Poison
    from app.handling.records import SourceRecord
    from app.inbound.decoding import make_decoder
    from app.models import load_rules

    # With one partition every record is at home.
    rules = load_rules(settings.model, settings.models_dir)
    decode = make_decoder(rules, settings.limits, CONTACT_LANE_INPUTS, 1, tenants=tenants)

    def refusal(event: Mapping[str, Any]) -> str | None:
        record = SourceRecord(
            topic=CONTACT_LANE_INPUTS.index(topic_of(event, settings, tenants)),
            partition=0,
            offset=0,
            timestamp_ms=time.time_ns() // 1_000_000,
            key=None,
            value=msgspec.json.encode(event),
            headers=[CLOUDEVENT],
        )
        decoded = decode(record)
        return f"{decoded.reason}: {decoded}" if isinstance(decoded, Poison) else None

    return refusal


def topic_of(
    event: Mapping[str, Any], settings: "Settings", tenants: "Mapping[str, Known] | None" = None
) -> str:
    """The commands topic for the types that only it may carry."""
    from app.domain.routing import DEFAULT_TENANT
    from app.domain.topics import Topic
    from app.models import load_rules

    known = (tenants or {}).get(str(event.get("tenantid") or DEFAULT_TENANT))
    types = load_rules(settings.model, settings.models_dir).types if known is None else known.types
    kind = types.get(str(event.get("type")))
    return Topic.COMMANDS if kind is not None and kind.is_command else Topic.INTERACTIONS
