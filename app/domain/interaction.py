"""An interaction: something a contact did, or that was done or learnt about them."""

from typing import Any

import msgspec

Microseconds = int
"""Since 1970-01-01T00:00:00Z. Every time in the domain is one of these."""


class Interaction(msgspec.Struct, frozen=True, gc=False):
    """One decoded, valid CloudEvent. Identity: (tenant, contact_id, source, id)."""

    tenant: str
    contact_id: str
    source: str
    id: str
    type: str
    time: Microseconds
    """Effective time: when it was true. Already clamped (funnel rule 2)."""
    arrived_at: Microseconds
    """The broker's timestamp of the original record."""
    data: dict[str, Any]
    automated: bool = False
    is_backfill: bool = False
    channel: str | None = None
    campaign_id: str | None = None
    traceparent: str | None = None


class Address(msgspec.Struct, frozen=True, gc=False):
    """Where the raw record stands: the `ordinal`-th event of segment `batch_seq`."""

    batch_seq: int
    ordinal: int
