"""Raw record -> CloudEvent: one mapping of attributes and `data`, whatever the mode.

Structured: the value is the event as JSON. Binary: `ce_*` headers are the attributes and the value
is `data` as JSON. What comes out has the form of an event; nothing in it is checked yet.
"""

from typing import Any, Final

import msgspec

from app.domain.reasons import Reason
from app.errors import Poison
from app.handling.records import Headers, SourceRecord
from app.inbound.limits import check_bytes, check_document, check_lengths, too_deep
from app.settings import Limits

Event = dict[str, Any]

_STRUCTURED: Final = "application/cloudevents+json"
_BOOLEANS: Final = {"true": True, "false": False}
_decode_json = msgspec.json.Decoder().decode


def read_event(record: SourceRecord, limits: Limits) -> Event:
    """Poison: too_large, undecodable or not_a_cloudevent, in this order."""
    check_bytes(record, limits)
    value = record.value
    if not record.headers:
        return _structured(_read_document(value, limits), limits, is_declared=False)
    content_type, attributes, traceparent = _read_headers(record.headers)
    is_bare = not value and bool(attributes)
    document = None if is_bare else _read_document(value, limits)
    if content_type == _STRUCTURED or (content_type is None and not attributes):
        event = _structured(document, limits, is_declared=content_type is not None)
    else:
        event = _binary(document, limits, content_type, attributes)
    if traceparent is not None:
        event.setdefault("traceparent", traceparent)
    return event


def _read_headers(headers: Headers) -> tuple[str | None, dict[str, str], str | None]:
    """Media type in lower case without parameters; the `ce_*` attributes; the trace."""
    content_type = traceparent = None
    attributes: dict[str, str] = {}
    for name, value in headers:
        if value is None:
            continue
        if name.startswith("ce_"):
            attributes[name[3:]] = _utf8(name, value)
        elif name == "traceparent":
            traceparent = value.decode(errors="replace")
        elif name.lower() == "content-type":
            content_type = value.decode(errors="replace").partition(";")[0].strip().lower()
    return content_type, attributes, traceparent


def _utf8(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        where = name if name in _KNOWN_HEADERS else "a ce_ header"
        raise Poison(Reason.UNDECODABLE, f"{where}: is not UTF-8") from None


def _read_document(value: bytes | None, limits: Limits) -> Any:
    if value is None:
        raise Poison(Reason.UNDECODABLE, "value: there is none")
    try:
        document = _decode_json(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as failed:
        raise Poison(Reason.UNDECODABLE, f"value: is not JSON: {_what(failed)}") from None
    except RecursionError:
        raise too_deep(limits) from None
    check_document(value, document, limits)
    return document


def _what(failed: Exception) -> str:
    """Only what the parser says about the place, never a piece of the value."""
    if isinstance(failed, UnicodeDecodeError):
        return "it holds bytes that are no UTF-8"
    if isinstance(failed, msgspec.ValidationError):
        return "a number is out of range"
    return str(failed)


def _structured(document: Any, limits: Limits, *, is_declared: bool) -> Event:
    if not isinstance(document, dict):
        raise Poison(Reason.NOT_A_CLOUDEVENT, "value: is JSON but no object")
    if "specversion" not in document and not is_declared:
        raise Poison(
            Reason.NOT_A_CLOUDEVENT,
            "value: has no specversion, and neither content-type nor ce_ headers say it is one",
        )
    return _of_version_1(document, limits)


def _binary(
    data: Any, limits: Limits, content_type: str | None, attributes: dict[str, str]
) -> Event:
    if not attributes or (content_type or "").startswith("application/cloudevents"):
        raise Poison(
            Reason.NOT_A_CLOUDEVENT,
            f"headers: content-type is neither {_STRUCTURED} nor are there ce_ headers",
        )
    event: Event = dict(attributes)
    if "automated" in event:
        event["automated"] = _BOOLEANS.get(event["automated"], event["automated"])
    event["data"] = data
    return _of_version_1(event, limits)


def _of_version_1(event: Event, limits: Limits) -> Event:
    check_lengths(event, limits)
    if event.get("specversion") not in ("1.0", None):
        raise Poison(Reason.NOT_A_CLOUDEVENT, "/specversion: only 1.0 is understood")
    return event


_KNOWN_HEADERS: Final = frozenset(
    f"ce_{name}"
    for name in (
        "specversion", "id", "source", "type", "subject", "time", "tenantid", "ingestmode",
        "automated", "channel", "campaignid", "traceparent",
    )
)  # fmt: skip
