"""Rows of lists to apply: the smallest that is valid, with what a test wants to be different."""

from typing import Any

from msgspec.structs import replace

from app.domain.listing import Listing, work_order
from app.storage.rows import ListingRow
from tests.storage.batches import NOW

_USUAL = Listing(
    stage="lead", temperature="cold", cycle=1, is_customer=False, entered_at=NOW - 9,
    follow_up_due=None, work_order=0, fit=50_000, engagement=10_000, priority=30_000, owner=None,
    account_id=None, first_channel=None, first_campaign=None, linked_to=None,
)  # fmt: skip


def listing(contact_id: str = "c-1", partition: int = 0, **different: Any) -> ListingRow:
    """`updated_at` and `tenant` may be given, too."""
    updated_at, tenant = different.pop("updated_at", NOW), different.pop("tenant", "default")
    made = replace(_USUAL, **different)
    order = work_order(made.temperature, made.follow_up_due, made.priority, contact_id)
    made = replace(made, work_order=different.get("work_order", order))
    return ListingRow(partition, tenant, contact_id, updated_at, made)
