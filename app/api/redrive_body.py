"""Which dead letters to send again, and how: the body of POST /v1/dead-letters/redrive."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.api.decoding import decode_body
from app.api.problems import FieldError, Problem, wrong_field
from app.domain.reasons import Reason
from app.domain.timestamps import parse_rfc3339
from app.storage.dead_letter_queries import Wanted

TEXT_MAX_CHARS: Final = 256
LIMIT_MAX: Final = 1000
PER_SECOND_MAX: Final = 1000

Text = Annotated[str, Meta(min_length=1, max_length=TEXT_MAX_CHARS, pattern="^[^\\x00]*$")]
FILTERS: Final = ("reason", "type", "source", "topic", "since", "until")


class RedriveBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason | UnsetType = UNSET
    type: Text | UnsetType = UNSET
    source: Text | UnsetType = UNSET
    topic: Text | UnsetType = UNSET
    since: Text | UnsetType = UNSET
    until: Text | UnsetType = UNSET
    again: bool = False
    """Also what was sent again before, and what then failed again."""
    limit: Annotated[float, Meta(ge=1, le=LIMIT_MAX, multiple_of=1)] = 100
    """A whole number, which in JSON may be written as 100.0 or 1e2."""
    rate_per_second: Annotated[float, Meta(gt=0, le=PER_SECOND_MAX)] = 50
    dry_run: bool = False


REDRIVE_EXAMPLE: Final[dict[str, Any]] = {"reason": "schema_violation", "dry_run": True}
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": TEXT_MAX_CHARS}
_MOMENT: Final = {"type": "string", "format": "date-time"}
REDRIVE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "description": "At least one filter; letters that match all of them are sent, oldest first.",
    "anyOf": [{"required": [name]} for name in FILTERS],
    "properties": {
        "reason": {"enum": list(Reason)},
        "type": {**_TEXT, "description": "Of the interaction, as it says itself."},
        "source": {**_TEXT, "description": "Of the interaction, as it says itself."},
        "topic": {**_TEXT, "description": "Where the original stood."},
        "since": {**_MOMENT, "description": "Failed then or later."},
        "until": {**_MOMENT, "description": "Failed before."},
        "again": {
            "type": "boolean",
            "default": False,
            "description": "Also what was sent again before, and what then failed again.",
        },
        "limit": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": 100},
        "rate_per_second": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": PER_SECOND_MAX,
            "default": 50,
        },
        "dry_run": {"type": "boolean", "default": False, "description": "Only say which."},
    },
}


def redrive_of(body: bytes) -> RedriveBody:
    """Problem 422, with the field."""
    found = decode_body(body, RedriveBody)
    if all(getattr(found, name) is UNSET for name in FILTERS):
        detail = f"needs at least one filter: {', '.join(FILTERS)}"
        raise Problem(422, "no-filter", detail, errors=[FieldError("", detail)])
    return found


def wanted_of(body: RedriveBody) -> Wanted:
    """Problem 422."""
    return Wanted(
        reason=body.reason or None,
        type=body.type or None,
        source=body.source or None,
        topic=body.topic or None,
        since=moment("/since", body.since or None),
        until=moment("/until", body.until or None),
        is_first=not body.again,
    )


def moment(field: str, text: str | None) -> int | None:
    """Problem 422."""
    if text is None:
        return None
    found = parse_rfc3339(text)
    if found is None:
        raise wrong_field(field, "must be a moment: 2026-03-02T09:14:05Z")
    return found
