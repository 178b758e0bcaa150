"""The part of a history row that nobody filters by, as one MessagePack array.

    [format, cause, guards, evidence, view, traceparent, opportunity, outcome]

Structs go in by position: half the bytes of named fields, in rows that are kept for ever. So
fields of Cause, GuardResult and View may only be appended, with defaults; anything else needs a
new format number. A Touch goes in by name.
"""

from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec.structs import astuple

from app.domain.changes import Cause, Change, GuardResult, Touch, View

FORMAT: Final = 1

_encode = msgspec.msgpack.Encoder().encode


def pack(change: Change) -> bytes:
    return _encode(
        (
            FORMAT,
            astuple(change.cause),
            _guards(change.guards),
            change.evidence,
            astuple(change.view),
            change.traceparent,
            change.opportunity,
            change.outcome,
        )
    )


@lru_cache(maxsize=4096)
def _guards(guards: tuple[GuardResult, ...]) -> msgspec.Raw:
    """Few combinations come up: encoding one again costs as much as all the rest."""
    return msgspec.Raw(_encode([astuple(guard) for guard in guards]))


def unpack(blob: bytes) -> dict[str, Any]:
    """The fields of Change it holds, by name."""
    found, cause, guards, evidence, view, traceparent, opportunity, outcome = (
        msgspec.msgpack.decode(blob)
    )
    if found != FORMAT:
        raise ValueError(f"history detail has format {found}, this release reads {FORMAT}")
    return {
        "cause": Cause(*cause),
        "guards": tuple(GuardResult(*guard) for guard in guards),
        "evidence": tuple(evidence),
        "view": _view(view),
        "traceparent": traceparent,
        "opportunity": opportunity,
        "outcome": outcome,
    }


def _view(values: list[Any]) -> View:
    named = dict(zip(View.__struct_fields__, values, strict=False))
    for name in ("first_touch", "last_touch"):
        named[name] = msgspec.convert(named[name], Touch | None)
    return View(**named)
