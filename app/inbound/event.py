"""A CloudEvent in its checked form, and the plain way to it.

The plain way takes what most producers send, in one typed decode. It accepts only what the
thorough way (envelope, attributes) accepts too, with the same result, and never says why not.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import msgspec

from app.handling.origin import FORWARDED, FORWARDED_KEY
from app.handling.records import Headers, SourceRecord
from app.settings import Limits

STRUCTURED: Final = "application/cloudevents+json"


class Event(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The forms of `time`, `tenantid` and `traceparent` are checked later."""

    specversion: Literal["1.0"]
    id: Annotated[str, msgspec.Meta(min_length=1)]
    source: Annotated[str, msgspec.Meta(min_length=1)]
    type: Annotated[str, msgspec.Meta(min_length=1)]
    subject: Annotated[str, msgspec.Meta(min_length=1)]
    data: dict[str, Any] | None = None
    time: str | None = None
    tenantid: str | None = None
    ingestmode: Literal["live", "backfill"] | None = None
    automated: bool | None = None
    channel: str | None = None
    campaignid: str | None = None
    traceparent: Any = None
    # What others commonly add; read by nobody here.
    datacontenttype: Any = None
    dataschema: Any = None
    tracestate: Any = None
    partitionkey: Any = None
    sequence: Any = None
    correlationid: Any = None
    causationid: Any = None


ATTRIBUTES: Final = tuple(name for name in Event.__struct_fields__ if name != "data")

_PLAIN_HEADERS_MAX: Final = 6
_PLAIN_HEADER_MAX_BYTES: Final = 512
_PLAIN_HEADERS: Final = frozenset((FORWARDED, FORWARDED_KEY, "funnel-batch"))
_STRUCTURED_BYTES: Final = STRUCTURED.encode()


def make_plain_reader(limits: Limits) -> Callable[[SourceRecord], Event | None]:
    """Structured mode without anything unusual: Event; all else: None, ask the thorough way."""
    decode = msgspec.json.Decoder(Event).decode
    value_max = min(limits.value_max_bytes, limits.string_max_bytes)
    depth_max, id_max = limits.depth_max, limits.id_max_chars

    def read_plain(record: SourceRecord) -> Event | None:
        value, key = record.value, record.key
        if (
            value is None
            or len(value) > value_max
            or (key is not None and len(key) > _PLAIN_HEADER_MAX_BYTES)
            or value.count(b"{") + value.count(b"[") > depth_max
            or value.find(b"\\u0000") >= 0
            or (record.headers and not _are_plain(record.headers))
        ):
            return None
        try:
            event = decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if len(value) > id_max and (
            len(event.id) > id_max
            or len(event.source) > id_max
            or len(event.subject) > id_max
            or (event.channel is not None and len(event.channel) > id_max)
            or (event.campaignid is not None and len(event.campaignid) > id_max)
        ):
            return None
        return event

    return read_plain


def _are_plain(headers: Headers) -> bool:
    if len(headers) > _PLAIN_HEADERS_MAX:
        return False
    for name, value in headers:
        if name == "content-type":
            if value != _STRUCTURED_BYTES:
                return False
        elif name not in _PLAIN_HEADERS or len(value or b"") > _PLAIN_HEADER_MAX_BYTES:
            return False
    return True
