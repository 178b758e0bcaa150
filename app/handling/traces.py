"""Finding one contact in records that are not stored under its key: segments and dead letters."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from app.domain.identity import LINKS, NOWHERE, TYPES
from app.domain.routing import DEFAULT_TENANT, routing_key
from app.handling.records import Headers, OutputRecord, SourceRecord
from app.storage.blanking import Blobs
from app.storage.segments import pack, raw, unpack

_ESCAPED: Final = re.compile(r'["\\/\x00-\x1f]')
"""Characters that JSON may write in more than one way; any other only as an escape with ``\\u``."""


_NOWHERE: Final = msgspec.json.encode(NOWHERE)


class _Named(msgspec.Struct):
    """Whom a record is about: a CloudEvent says `subject`, a word to an account `contact_id`."""

    subject: Any = None
    tenantid: Any = None
    contact_id: Any = None
    tenant: Any = None
    type: Any = None


_decode: Final = msgspec.json.Decoder(_Named).decode


def subject_of(value: bytes | None, headers: Headers) -> str | None:
    """The routing key of the contact that a record says it is about; None: it says none."""
    attributes = {
        name: text
        for name, text in headers
        if text is not None and name in ("ce_subject", "ce_tenantid")
    }
    if (subject := attributes.get("ce_subject")) is not None:
        tenant = attributes.get("ce_tenantid") or DEFAULT_TENANT.encode()
        return routing_key(tenant.decode(errors="replace"), subject.decode(errors="replace"))
    try:
        named = _decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    contact, tenant = named.subject or named.contact_id, named.tenantid or named.tenant
    if not isinstance(contact, str):
        return None
    return routing_key(tenant if isinstance(tenant, str) else DEFAULT_TENANT, contact)


def _link_type(value: bytes | None, headers: Headers, tenant: str) -> object:
    """The type of what identities of the tenant are told about each other."""
    attributes = {name: text.decode(errors="replace") for name, text in headers if text is not None}
    try:
        named = _decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    told = attributes.get("ce_tenantid") or named.tenantid or DEFAULT_TENANT
    return (attributes.get("ce_type") or named.type) if told == tenant else None


def name_of(key: bytes | None, value: bytes | None, headers: Headers) -> str | None:
    """The same of a record that may be anything: its key where it does not say more."""
    subject = subject_of(value, headers)
    return key.decode(errors="replace") if subject is None and key is not None else subject


def blanked(record: SourceRecord) -> SourceRecord:
    """What stands in the place of an erased contact's record, so that ordinals stay."""
    return record._replace(key=None, value=None, headers=())


def is_blank(record: SourceRecord) -> bool:
    """Nothing was ever decided from such a record: who reads segments passes over it."""
    return record.key is None and record.value is None and not record.headers


class Trace:
    """One contact, as records may name it."""

    def __init__(self, tenant: str, contact_id: str) -> None:
        self._tenant = tenant
        self._name = routing_key(tenant, contact_id)
        self._key = self._name.encode()
        self._quoted = msgspec.json.encode(contact_id)
        self._needle = max(_ESCAPED.split(contact_id), key=len).encode()

    def may_be_in(self, encoded: bytes) -> bool:
        """A quick look: False only where it is in none of these records."""
        return self._needle in encoded or b"\\u" in encoded

    def without(self, record: SourceRecord) -> SourceRecord:
        """Nothing of the contact's own; who was linked to it was linked, to nobody who is named."""
        _, _, _, _, key, value, headers = record
        if name_of(key, value, headers) == self._name:
            return blanked(record)
        if self._quoted not in (value or b""):
            return record
        type_ = _link_type(value, headers, self._tenant)
        if type_ in LINKS:
            return record._replace(value=(value or b"").replace(self._quoted, _NOWHERE))
        return blanked(record) if type_ in TYPES else record

    def is_told(self, output: OutputRecord) -> bool:
        """The record tells of the contact, if only in passing; published ones need no care."""
        return (
            output.key == self._key
            or self._quoted in (output.value or b"")
            or name_of(output.key, output.value, output.headers) == self._name
        )

    def is_in_dead_letter(self, key: bytes | None, value: bytes | None, headers: Headers) -> bool:
        """Its own, as far as can be seen: what can't be read may hold its key anywhere."""
        subject = subject_of(value, headers)
        if subject is not None:
            return subject == self._name
        return key == self._key or self._quoted in (value or b"")


def without(traces: Sequence[Trace], blobs: Blobs) -> Blobs | None:
    """A segment without these contacts' records; None: there are none in it."""
    events = _without_events(traces, blobs.events)
    outputs = _without_outputs(traces, blobs.outputs)
    if events is None and outputs is None:
        return None
    return Blobs(events or blobs.events, outputs or blobs.outputs)


def _without_events(traces: Sequence[Trace], blob: bytes) -> bytes | None:
    near = _near(traces, blob)
    if not near:
        return None
    records = kept = unpack(blob, SourceRecord)
    for trace in near:
        kept = [trace.without(each) for each in kept]
    return None if kept == records else pack(kept)


def _without_outputs(traces: Sequence[Trace], blob: bytes) -> bytes | None:
    near = _near(traces, blob)
    if not near:
        return None
    records = unpack(blob, OutputRecord)
    kept = [each for each in records if not any(trace.is_told(each) for trace in near)]
    return None if len(kept) == len(records) else pack(kept)


def _near(traces: Sequence[Trace], blob: bytes) -> list[Trace]:
    encoded = raw(blob)
    return [trace for trace in traces if trace.may_be_in(encoded)]
