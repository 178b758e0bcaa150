"""The attributes of a CloudEvent: which must be there, and what each may be."""

import re
from typing import Any, Final

from app.domain.reasons import Reason
from app.domain.routing import DEFAULT_TENANT
from app.errors import Poison
from app.handling.records import SourceRecord
from app.inbound.envelope import Event
from app.inbound.limits import strings_of

REQUIRED: Final = ("specversion", "id", "source", "type", "subject")

is_tenant = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}").fullmatch
"""Tenant names have no slash (it ends them in a routing key) and are at most 63 characters."""

_is_traceparent = re.compile(r"(?!ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch


def missing(event: Event) -> Poison | None:
    """The first required attribute that is absent, null or empty."""
    for name in REQUIRED:
        if event.get(name) in (None, ""):
            return Poison(Reason.MISSING_ATTRIBUTE, f"/{name}: required, is missing or empty")
    return None


def must_be_text(event: Event) -> None:
    get = event.get
    for name in ("id", "source", "subject"):
        if type(event[name]) is not str:
            raise violation(name, "must be a string")
    for name in ("channel", "campaignid"):
        if type(get(name, "")) is not str and get(name) is not None:
            raise violation(name, "must be a string")


def refuse_nul(event: Event, record: SourceRecord) -> None:
    """PostgreSQL's text holds every character but U+0000."""
    value = record.value
    may_hold_nul = (value is not None and value.find(b"\\u0000") >= 0) or any(
        header is not None and b"\0" in header for _, header in record.headers
    )
    if may_hold_nul and any("\0" in text for text in strings_of(event)):
        raise Poison(Reason.SCHEMA_VIOLATION, "a string holds U+0000, which can't be stored")


def tenant_of(tenant: Any) -> str:
    if tenant is None or tenant == DEFAULT_TENANT:
        return DEFAULT_TENANT
    if type(tenant) is str and is_tenant(tenant):
        return tenant
    raise violation(
        "tenantid", "must be 1 to 63 letters, digits, '.', '_' or '-', the first a letter or digit"
    )


def is_backfill(mode: Any) -> bool:
    if mode is None or mode == "live":
        return False
    if mode == "backfill":
        return True
    raise violation("ingestmode", "must be live or backfill")


def is_automated(automated: Any) -> bool:
    if automated is None:
        return False
    if type(automated) is bool:
        return automated
    raise violation("automated", "must be a boolean")


def traceparent_of(trace: Any) -> str | None:
    """What is no trace is ignored, as W3C Trace Context asks: tracing never stops the work."""
    if trace is not None and type(trace) is str and _is_traceparent(trace):
        return trace
    return None


def violation(name: str, rule: str) -> Poison:
    return Poison(Reason.SCHEMA_VIOLATION, f"/{name}: {rule}")
