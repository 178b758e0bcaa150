"""Where a list goes on: opaque to the caller, a key of the last row to the reader."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any

import msgspec
from litestar.params import QueryParameter

from app.api.problems import wrong_field

PAGE_MAX_ROWS = 500

Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX_ROWS, description="At most so many items.")]
After = Annotated[
    str | None, QueryParameter(max_length=4096, description="The `next` of the answer before.")
]

Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Text = Annotated[str, msgspec.Meta(max_length=256, pattern="^[^\\x00]*$")]
"""Keys that PostgreSQL can hold: a cursor may have been made by anybody."""


def cursor_of(key: Any) -> str:
    return urlsafe_b64encode(msgspec.msgpack.encode(key)).decode().rstrip("=")


def key_of(cursor: str | None, kind: Any) -> Any:
    """Problem 422: it is none of ours."""
    if cursor is None:
        return None
    try:
        packed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.msgpack.decode(packed, type=kind)
    except (ValueError, msgspec.DecodeError):
        raise wrong_field("after", "must be the `next` of the answer before") from None
