"""A mapping that has the form of a CloudEvent -> Event, or which attribute is wrong and how."""

import re
from typing import Final

import msgspec

from app.domain.reasons import Reason
from app.domain.routing import DEFAULT_TENANT
from app.errors import Poison
from app.handling.records import SourceRecord
from app.inbound.envelope import Document
from app.inbound.event import Event
from app.inbound.limits import strings_of

_REQUIRED: Final = ("specversion", "id", "source", "type", "subject")
_TEXTS: Final = ("time", "tenantid", "channel", "campaignid")

_FIELDS: Final = frozenset(Event.__struct_fields__)

_is_tenant = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}").fullmatch
_is_traceparent = re.compile(r"(?!ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch


def refuse_missing(document: Document) -> None:
    """The first required attribute that is absent, null or empty: missing_attribute."""
    for name in _REQUIRED:
        if document.get(name) in (None, ""):
            raise Poison(Reason.MISSING_ATTRIBUTE, f"/{name}: required, is missing or empty")


def to_event(document: Document) -> Event:
    """Poison schema_violation where an attribute, or `data`, has the wrong type."""
    known = {name: document[name] for name in document if name in _FIELDS}
    try:
        return msgspec.convert(known, Event)
    except msgspec.ValidationError:
        raise _violation(document) from None


def refuse_nul(document: Document, record: SourceRecord) -> None:
    """PostgreSQL's text holds every character but U+0000: schema_violation."""
    may_hold_nul = (record.value is not None and record.value.find(b"\\u0000") >= 0) or any(
        value is not None and b"\0" in value for _, value in record.headers
    )
    if may_hold_nul and any("\0" in text for text in strings_of(document)):
        raise Poison(Reason.SCHEMA_VIOLATION, "a string holds U+0000, which can't be stored")


def _violation(document: Document) -> Poison:
    get = document.get
    for name in (*_REQUIRED, *_TEXTS):
        if not isinstance(get(name), str | None):
            return _flaw(name, "must be a string")
    if not isinstance(get("automated"), bool | None):
        return _flaw("automated", "must be a boolean")
    if not isinstance(get("data"), dict | None):
        return _flaw("data", "must be an object")
    return _flaw("ingestmode", "must be live or backfill")


def tenant_of(event: Event) -> str:
    """Tenant names have no slash: it ends them in a routing key."""
    tenant = event.tenantid
    if tenant is None or tenant == DEFAULT_TENANT:
        return DEFAULT_TENANT
    if _is_tenant(tenant) is None:
        raise _flaw(
            "tenantid",
            "must be 1 to 63 letters, digits, '.', '_' or '-', the first a letter or digit",
        )
    return tenant


def traceparent_of(event: Event) -> str | None:
    """What is no trace is ignored, as W3C Trace Context asks: tracing never stops the work."""
    trace = event.traceparent
    return trace if isinstance(trace, str) and _is_traceparent(trace) else None


def _flaw(name: str, rule: str) -> Poison:
    return Poison(Reason.SCHEMA_VIOLATION, f"/{name}: {rule}")
