"""The plain way from a raw record to an event: what most producers send, in one typed decode.

It accepts only what the thorough way (envelope, attributes) accepts too, with the same result, and
never says why it does not: whoever gets None asks the thorough way.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from app.handling.origin import FORWARDED, FORWARDED_KEY
from app.handling.records import Headers, SourceRecord
from app.inbound.event import STRUCTURED, Event
from app.settings import Limits

_HEADERS_MAX: Final = 16
_HEADER_MAX_BYTES: Final = 256
"""Of key and headers: together far below any limit, and no attribute above `id_max_chars`."""

_FROM_LANES: Final = frozenset((FORWARDED, FORWARDED_KEY, "funnel-batch"))
_STRUCTURED: Final = STRUCTURED.encode()
_JSON: Final = b"application/json"

_decode_data = msgspec.json.Decoder(dict[str, Any]).decode
_decode_event = msgspec.json.Decoder(Event).decode


def make_plain_reader(limits: Limits) -> Callable[[SourceRecord], Event | None]:
    value_max = min(limits.value_max_bytes, limits.string_max_bytes)
    depth_max, id_max = limits.depth_max, limits.id_max_chars
    if min(id_max, value_max // (2 * _HEADERS_MAX)) < _HEADER_MAX_BYTES:
        return lambda _: None

    def read_plain(record: SourceRecord) -> Event | None:
        value, key, headers = record.value, record.key, record.headers
        if (
            value is None
            or len(value) > value_max
            or (key is not None and len(key) > _HEADER_MAX_BYTES)
            or value.count(b"{") + value.count(b"[") > depth_max
            or (b"\\" in value and value.find(b"\\u0000") >= 0)  # one byte is found faster
        ):
            return None
        try:
            if not headers or _are_structured(headers):
                event = _decode_event(value)
                return event if len(value) <= id_max or _is_short(event, id_max) else None
            attributes = _binary_attributes(headers)
            if attributes is None:
                return None
            attributes["data"] = _decode_data(value)
            return msgspec.convert(attributes, Event)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    return read_plain


def _are_structured(headers: Headers) -> bool:
    """Nothing but the content-type of structured mode (or none) and what lanes add."""
    if len(headers) > _HEADERS_MAX:
        return False
    for name, value in headers:
        if name == "content-type":
            if value != _STRUCTURED:
                return False
        elif name not in _FROM_LANES or len(value or b"") > _HEADER_MAX_BYTES:
            return False
    return True


def _binary_attributes(headers: Headers) -> dict[str, Any] | None:
    """None unless there is nothing but attributes, the content-type and what lanes add."""
    if len(headers) > _HEADERS_MAX:
        return None
    attributes: dict[str, Any] = {}
    for name, value in headers:
        if value is None or len(value) > _HEADER_MAX_BYTES:
            return None
        if name[:3] == "ce_":
            if b"\0" in value:
                return None
            attributes[name[3:]] = value.decode()
        elif name not in _FROM_LANES and (name != "content-type" or value != _JSON):
            return None
    return attributes


def _is_short(event: Event, id_max: int) -> bool:
    return (
        len(event.id) <= id_max
        and len(event.source) <= id_max
        and len(event.subject) <= id_max
        and (event.channel is None or len(event.channel) <= id_max)
        and (event.campaignid is None or len(event.campaignid) <= id_max)
    )
