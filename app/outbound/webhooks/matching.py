"""Which events a webhook is for."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from app.outbound.webhooks.events import Event


class Filter(StrEnum):
    """What events may be chosen by, besides their type."""

    STAGE = "stage"
    FROM_STAGE = "from_stage"
    TO_STAGE = "to_stage"
    OWNER_TEAM = "owner_team"
    OWNER = "owner"
    TEMPERATURE = "temperature"


def wants(types: Sequence[str], filters: Mapping[str, Any], event: Event) -> bool:
    """Every filter must hold; one holds if the event has one of its values."""
    if types and event.type not in types:
        return False
    return all(getattr(event.data, Filter(name)) in values for name, values in filters.items())
