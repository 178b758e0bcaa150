"""CloudEvents to test decoding with, and the smallest catalogue of types it works with."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from app.domain.topics import CONTACT_LANE_INPUTS
from app.handling.records import Decoder, Headers, SourceRecord
from app.inbound.decoding import make_decoder
from app.inbound.validation import load_schemas
from app.settings import Limits

INTERACTIONS, COMMANDS = 0, 1
ARRIVED_MS = 1_772_442_845_412
"""2026-03-02T09:14:05.412Z"""

COMMANDS_ONLY = (
    "contact.disqualified",
    "identity.linked",
    "identity.unlinked",
    "identity.evidence",
    "identity.withdrawn",
    "account.linked",
    "stage.override",
    "event.retracted",
    "privacy.erasure_requested",
)


@dataclass(frozen=True)
class Type:
    is_command: bool = False
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class Types:
    types: dict[str, Type] = field(
        default_factory=lambda: {name: Type(name in COMMANDS_ONLY) for name in load_schemas()}
    )
    ignores_unknown_types: bool = False


def decoder(
    partitions: int = 1,
    types: Types | None = None,
    schemas: dict[str, Any] | None = None,
    limits: Limits | None = None,
) -> Decoder:
    return make_decoder(
        types or Types(), limits or Limits(), CONTACT_LANE_INPUTS, partitions, schemas
    )


def event(**changes: Any) -> dict[str, Any]:
    """A valid event; None removes an attribute."""
    whole = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "https://shop.example/forms",
        "type": "demo.requested",
        "subject": "crm-10231",
        "time": "2026-03-02T09:14:05Z",
        "data": {"product_id": "analytics"},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def raw(value: bytes | None, headers: Headers = (), **changes: Any) -> SourceRecord:
    record = SourceRecord(INTERACTIONS, 0, 7, ARRIVED_MS, b"crm-10231", value, headers)
    return record._replace(**changes)


def structured(whole: Any, **changes: Any) -> SourceRecord:
    headers = [("content-type", b"application/cloudevents+json")]
    return raw(msgspec.json.encode(whole), headers, **changes)


def binary(whole: dict[str, Any], **changes: Any) -> SourceRecord:
    headers = [
        (f"ce_{name}", {True: "true", False: "false"}.get(value, value).encode())
        for name, value in whole.items()
        if name != "data"
    ]
    value = msgspec.json.encode(whole["data"]) if "data" in whole else None
    return raw(value, [*headers, ("content-type", b"application/json")], **changes)
