"""A CloudEvent whose attributes have the right types."""

from typing import Annotated, Any, Final, Literal

import msgspec

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
