"""What a record says of itself, as far as it can be read: it may be anything, and is believed in
nothing. Texts that no key of a table could hold are left out.
"""

from typing import Any, Final

import msgspec

from app.handling.records import Headers

TEXT_MAX_CHARS: Final = 256
_PREFIX: Final = "ce_"


class Claims(msgspec.Struct, frozen=True):
    type: str | None = None
    source: str | None = None
    id: str | None = None
    tenant: str | None = None
    contact_id: str | None = None
    actor: str | None = None


class _Document(msgspec.Struct):
    type: Any = None
    source: Any = None
    id: Any = None
    tenantid: Any = None
    subject: Any = None
    actor: Any = None
    """Of the data, where that stands alone."""
    data: Any = None


_decode: Final = msgspec.json.Decoder(_Document).decode


def claims_of(value: bytes | None, headers: Headers) -> Claims:
    """Structured or binary mode; nothing is claimed where neither can be read."""
    try:
        said = _decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = _Document()
    attributes = {
        name.removeprefix(_PREFIX): text.decode(errors="replace")
        for name, text in headers
        if text is not None and name.startswith(_PREFIX)
    }
    if attributes:
        given, data = attributes, {"actor": said.actor}
    else:
        given, data = msgspec.structs.asdict(said), said.data
    return Claims(
        _text(given.get("type")),
        _text(given.get("source")),
        _text(given.get("id")),
        _text(given.get("tenantid")),
        _text(given.get("subject")),
        _text(data.get("actor")) if isinstance(data, dict) else None,
    )


def _text(value: object) -> str | None:
    if type(value) is not str or not 0 < len(value) <= TEXT_MAX_CHARS:
        return None
    return None if "\0" in value else value
