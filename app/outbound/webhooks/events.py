"""A record of an output topic as the event that receivers get."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from app.domain.interaction import Microseconds
from app.domain.routing import DEFAULT_TENANT, routing_key
from app.domain.timestamps import parse_rfc3339
from app.outbound.headers import ATTRIBUTES, SOURCE

TEST_TYPE: Final = "funnel.webhook.test.v1"
CONTENT_TYPE: Final = "application/cloudevents+json"


class EventData(msgspec.Struct, frozen=True, gc=False):
    """What filters and erasure look at; an event lacks what its kind does not tell."""

    stage: str | None = None
    from_stage: str | None = None
    to_stage: str | None = None
    owner_team: str | None = None
    owner: str | None = None
    temperature: str | None = None
    contact_id: str | None = None
    account_id: str | None = None
    linked_to: str | None = None
    evidence: tuple[str, ...] = ()


_OF_ACCOUNTS: Final = "funnel.account."
"""Of these, evidence are contacts; of others, ids of interactions."""

_data_of: Final = msgspec.json.Decoder(EventData).decode
_to_json: Final = msgspec.json.Encoder().encode


class Event(msgspec.Struct, frozen=True, gc=False):
    id: str
    type: str
    tenant: str
    subject: str
    """Routing key of the contact or account it is about."""
    decided_at: Microseconds
    contacts: tuple[str, ...]
    """Routing keys of the contacts it names: where one of them is erased it is not sent."""
    data: EventData
    body: bytes
    """The CloudEvent in structured JSON, the same bytes whenever it is made."""


def read_event(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Event | None:
    """None: it is a tombstone, which tells nothing."""
    if value is None:
        return None
    found = {name: text.decode() for name, text in headers}
    attributes = {short: found[name] for name, short in ATTRIBUTES.items() if name in found}
    data = _data_of(value)
    tenant = attributes.get("tenantid", DEFAULT_TENANT)
    is_of_account = attributes["type"].startswith(_OF_ACCOUNTS)
    named = [data.contact_id, data.linked_to, *(data.evidence if is_of_account else ())]
    return Event(
        id=attributes["id"],
        type=attributes["type"],
        tenant=tenant,
        subject=routing_key(tenant, attributes["subject"]),
        decided_at=parse_rfc3339(attributes["time"]) or 0,
        contacts=tuple(routing_key(tenant, each) for each in named if each is not None),
        data=data,
        body=_body(attributes, value),
    )


def make_test_body(event_id: str, webhook_id: str, tenant: str, time: str) -> bytes:
    """Of an event that says nothing but that the way is open."""
    attributes = {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": TEST_TYPE,
        "subject": webhook_id,
        "time": time,
        "tenantid": tenant,
    }
    return _body(attributes, _to_json({"webhook_id": webhook_id}))


def _body(attributes: dict[str, Any], data: bytes) -> bytes:
    head = _to_json({**attributes, "datacontenttype": "application/json"})
    return b'%s,"data":%s}' % (head[:-1], data)
