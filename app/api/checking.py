"""Is this one the lane would take? Asked of the lane's own decoder, before it is sent."""

from collections.abc import Callable
from typing import Final

from app.api.problems import FieldError
from app.api.tenant_types import TenantTypes
from app.domain.interaction import Interaction, Microseconds
from app.domain.reasons import Reason
from app.domain.topics import CONTACT_LANE_INPUTS, Topic
from app.errors import Poison
from app.handling.records import Decoder, SourceRecord
from app.inbound.event import STRUCTURED

HEADERS: Final = [("content-type", STRUCTURED.encode())]


class Checker:
    def __init__(
        self, decode: Decoder, types: TenantTypes, clock: Callable[[], Microseconds]
    ) -> None:
        """`decode`: with a single partition, so that every record is at home; it knows `types`."""
        self._decode = decode
        self._types = types
        self._clock = clock

    async def prepare(self, tenant: str) -> None:
        """Before interactions of a tenant are checked. Raises Unavailable."""
        await self._types.look_up(tenant)

    def interaction(self, value: bytes, topic: Topic) -> Interaction | FieldError:
        """What the lane would make of a CloudEvent in structured mode, or what is wrong with it."""
        record = SourceRecord(
            topic=CONTACT_LANE_INPUTS.index(topic),
            partition=0,
            offset=0,
            timestamp_ms=self._clock() // 1000,
            key=None,
            value=value,
            headers=HEADERS,
        )
        decoded = self._decode(record)
        if isinstance(decoded, Interaction):
            return decoded
        if isinstance(decoded, Poison):
            return _told(decoded)
        return FieldError("/type", "is a command to the lanes, and no interaction")


def _told(poison: Poison) -> FieldError:
    """A message is ``where: what``."""
    where, _, what = str(poison).partition(": ")
    if poison.reason == Reason.NOT_ALLOWED_HERE:
        what = "is decided by people: send it as a command, POST /v1/contacts/{id}/commands"
    return FieldError(where if what else "", what or where, reason=poison.reason)
