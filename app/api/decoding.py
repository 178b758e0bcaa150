"""Bodies in JSON, as the shape of what they say."""

import re
from typing import TypeVar

import msgspec

from app.api.problems import FieldError, Problem

Body = TypeVar("Body", bound=msgspec.Struct)


def decode_body(body: bytes, kind: type[Body]) -> Body:
    """Problem 422, with the field; what was sent is not repeated."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as wrong:
        text, _, at = str(wrong).partition(" - at `$")
        field = "/".join(["", *re.findall(r"[^.\[\]`]+", at)])
        is_safe = text.startswith(("Expected", "Object missing"))
        detail = text if is_safe else "is not valid: see /schema"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        field, detail = "", "must be a JSON object"
    told = f"{field}: {detail}" if field else detail
    raise Problem(422, "wrong-field", told, errors=[FieldError(field, detail)])
