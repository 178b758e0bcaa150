"""Raw record -> CloudEvent, the thorough way: one mapping of attributes and `data`.

Structured: the value is the event as JSON. Binary: `ce_*` headers are the attributes and the value
is `data` as JSON. What comes out has the form of an event; its attributes are checked later.
"""

from typing import Any, Final

import msgspec

from app.domain.reasons import Reason
from app.errors import Poison
from app.handling.records import Headers, SourceRecord
from app.inbound.event import ATTRIBUTES, STRUCTURED
from app.inbound.limits import check_bytes, check_document, check_lengths, too_deep
from app.settings import Limits

Document = dict[str, Any]

_BOOLEANS: Final = {"true": True, "false": False}
_decode_json = msgspec.json.Decoder().decode


def read_document(record: SourceRecord, limits: Limits, *, is_from_lane: bool) -> Document:
    """Poison: too_large, undecodable or not_a_cloudevent, the first in this order."""
    check_bytes(record, limits, is_from_lane=is_from_lane)
    content_type, attributes, traceparent = _read_headers(record.headers)
    is_bare = not record.value and bool(attributes)
    value = None if is_bare else _read_json(record.value, limits)
    if content_type == STRUCTURED or (content_type is None and not attributes):
        document = _structured(value, is_declared=content_type is not None)
    else:
        document = _binary(value, content_type, attributes)
    check_lengths(document, limits)
    if document.get("specversion") not in ("1.0", None):
        raise Poison(Reason.NOT_A_CLOUDEVENT, "/specversion: only 1.0 is understood")
    if document.get("traceparent") is None:
        document["traceparent"] = traceparent
    return document


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
        where = name if name[3:] in ATTRIBUTES else "a ce_ header"
        raise Poison(Reason.UNDECODABLE, f"{where}: is not UTF-8") from None


def _read_json(value: bytes | None, limits: Limits) -> Any:
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
        return "it holds bytes that are not UTF-8"
    if isinstance(failed, msgspec.ValidationError):
        return "a number is out of range"
    return str(failed)


def _structured(document: Any, *, is_declared: bool) -> Document:
    if not isinstance(document, dict):
        raise Poison(Reason.NOT_A_CLOUDEVENT, "value: is JSON but no object")
    if "specversion" not in document and not is_declared:
        raise Poison(
            Reason.NOT_A_CLOUDEVENT,
            "value: has no specversion, and neither content-type nor ce_ headers say it is one",
        )
    return document


def _binary(data: Any, content_type: str | None, attributes: dict[str, str]) -> Document:
    if not attributes or (content_type or "").startswith("application/cloudevents"):
        raise Poison(
            Reason.NOT_A_CLOUDEVENT,
            f"headers: content-type is not {STRUCTURED} and there are no ce_ headers",
        )
    document: Document = {**attributes, "data": data}
    if "automated" in attributes:
        document["automated"] = _BOOLEANS.get(attributes["automated"], attributes["automated"])
    return document
