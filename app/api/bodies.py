"""Bodies that the framework does not read: their content types, and how the schema shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from litestar import Request
from litestar.openapi.spec import RequestBody

from app.api.command_types import COMMANDS
from app.api.describing import Described, describe_command, json_body, media
from app.api.problems import FieldError, Problem
from app.api.redrive_body import REDRIVE_EXAMPLE, REDRIVE_SCHEMA
from app.inbound.validation import load_schemas

_EVENT: Final = {
    "specversion": "1.0",
    "id": "5b1f0c52",
    "source": "https://shop.example/forms",
    "type": "demo.requested",
    "subject": "crm-10231",
    "time": "2026-03-02T09:14:05Z",
    "data": {"product_id": "analytics"},
}
_UNSET_OR_TEXT: Final = ["string", "null"]
"""As the JSON format of CloudEvents has it: null is the same as left out."""
_EVENT_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "A CloudEvent 1.0; `data` as the schema of its type says.",
    "required": ["specversion", "id", "source", "type", "subject"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "maxLength": 256},
        "source": {"type": "string", "minLength": 1, "maxLength": 256},
        "type": {"type": "string", "minLength": 1},
        "subject": {"type": "string", "minLength": 1, "maxLength": 256},
        "time": {"type": _UNSET_OR_TEXT, "format": "date-time"},
        "tenantid": {"type": _UNSET_OR_TEXT, "description": "The token's, or left out."},
        "ingestmode": {"enum": ["live", "backfill", None]},
        "automated": {"type": ["boolean", "null"]},
        "channel": {"type": _UNSET_OR_TEXT, "maxLength": 256},
        "campaignid": {"type": _UNSET_OR_TEXT, "maxLength": 256},
        "data": {"type": "object"},
    },
}


def media_type_of(request: Request[Any, Any, Any], known: Sequence[str]) -> str:
    """Problem 415."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in known:
        detail = f"must be one of {', '.join(known)}"
        errors = [FieldError("content-type", detail)]
        raise Problem(415, "wrong-content-type", f"content-type: {detail}", errors=errors)
    return given


@dataclass
class InteractionsOperation(Described):
    def __post_init__(self) -> None:
        super().__post_init__()
        one = media(_EVENT_SCHEMA, _EVENT)
        batch = {"type": "array", "minItems": 1, "maxItems": 1000, "items": _EVENT_SCHEMA}
        self.request_body = RequestBody(
            required=True,
            content={
                "application/cloudevents+json": one,
                "application/json": one,
                "application/cloudevents-batch+json": media(batch, [_EVENT]),
            },
        )


@dataclass
class CommandOperation(Described):
    def __post_init__(self) -> None:
        super().__post_init__()
        example = {"command": "log_call", "data": COMMANDS["log_call"].example}
        schema = {"oneOf": [_command_schema(name) for name in COMMANDS]}
        self.request_body = json_body(schema, example)
        describe_command(self.responses)


@dataclass
class RedriveOperation(Described):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.request_body = json_body(REDRIVE_SCHEMA, REDRIVE_EXAMPLE)


def _command_schema(name: str) -> dict[str, Any]:
    return {
        "title": name,
        "type": "object",
        "required": ["command", "data"],
        "additionalProperties": False,
        "properties": {
            "command": {"const": name},
            "data": _data_schema(COMMANDS[name].type),
            "time": {"type": "string", "format": "date-time", "description": "Default: now."},
        },
    }


def _data_schema(type_: str) -> dict[str, Any]:
    """As that of the interaction, less `actor`: that is the token's."""
    schema = dict(_schemas()[type_])
    for name in ("$schema", "$id", "title"):
        schema.pop(name, None)
    schema["required"] = [name for name in schema.get("required", ()) if name != "actor"]
    schema["properties"] = {k: v for k, v in schema["properties"].items() if k != "actor"}
    return schema


@cache
def _schemas() -> Mapping[str, Mapping[str, Any]]:
    return load_schemas()
