"""What a record of an output topic says, as far as counting, filtering and streaming need it."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from app.domain.interaction import Microseconds
from app.domain.timestamps import parse_rfc3339
from app.outbound.coordinator import BATCH_HEADER
from app.outbound.headers import ATTRIBUTES, Header

Headers = Sequence[tuple[str, bytes | None]]

_to_json = msgspec.json.Encoder().encode


class _Core(msgspec.Struct, gc=False):
    """The part of `data` that is looked at here; an erased contact's and an account's have less."""

    stage: str | None = None
    from_stage: str | None = None
    to_stage: str | None = None
    owner_team: str | None = None
    decided_at: str | None = None


_core = msgspec.json.Decoder(_Core).decode


class Place(NamedTuple):
    """Which batch of which lane partition a record belongs to."""

    lane: str
    partition: int
    batch_seq: int


class LiveEvent(msgspec.Struct, frozen=True, gc=False):
    tenant: str
    type: str
    stage: str | None
    """What holds after it."""
    from_stage: str | None
    to_stage: str | None
    owner_team: str | None
    decided_at: Microseconds
    headers: Headers
    value: bytes

    def body(self) -> bytes:
        """The CloudEvent in structured mode, on one line: `data` is what was published."""
        given = dict(self.headers)
        attributes = {
            name: value.decode(errors="replace")
            for header, name in ATTRIBUTES.items()
            if (value := given.get(header)) is not None
        }
        data = self.value.replace(b"\r", b" ").replace(b"\n", b" ")
        return b'%s,"data":%s}' % (_to_json(attributes)[:-1], data)


def place_of(headers: Headers) -> Place | None:
    """None: no lane of this service wrote it."""
    for name, value in reversed(headers):
        if name == BATCH_HEADER and value is not None:
            try:
                lane, partition, batch_seq = value.decode().split("/")
                return Place(lane, int(partition), int(batch_seq))
            except ValueError:
                return None
    return None


def read(headers: Headers, value: bytes | None) -> LiveEvent | None:
    """None: it is no event of this service."""
    given = dict(headers)
    type_, tenant = given.get(Header.TYPE.value), given.get(Header.TENANT.value)
    if value is None or type_ is None or tenant is None:
        return None
    try:
        core = _core(value)
    except ValueError:  # msgspec's errors are such
        return None
    decided_at = parse_rfc3339(core.decided_at or "")
    if decided_at is None:
        return None
    return LiveEvent(
        tenant=tenant.decode(errors="replace"),
        type=type_.decode(errors="replace"),
        stage=core.stage,
        from_stage=core.from_stage,
        to_stage=core.to_stage,
        owner_team=core.owner_team,
        decided_at=decided_at,
        headers=headers,
        value=value,
    )
