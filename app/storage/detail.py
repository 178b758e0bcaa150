"""The part of a history row that nobody filters by, as one MessagePack array.

    [format, cause, guards, evidence, view, traceparent, opportunity, outcome]

Structs go in by position: half the bytes of named fields, in rows that are kept for ever. So
fields of Cause, GuardResult, Touch and View may only be appended, with defaults; anything else
needs a new format number.
"""

from operator import attrgetter
from typing import Any, Final

import msgspec

from app.domain.changes import Cause, Change, GuardResult, Touch, View

FORMAT: Final = 1

_encode = msgspec.msgpack.Encoder().encode
_cause = attrgetter(*Cause.__struct_fields__)
_guard = attrgetter(*GuardResult.__struct_fields__)
_touch = attrgetter(*Touch.__struct_fields__)
_TOUCHES: Final = ("first_touch", "last_touch")
_PLAIN: Final = tuple(name for name in View.__struct_fields__ if name not in _TOUCHES)
_view = attrgetter(*_PLAIN)


def pack(change: Change) -> bytes:
    view = change.view
    first, last = view.first_touch, view.last_touch
    return _encode(
        (
            FORMAT,
            _cause(change.cause),
            [_guard(guard) for guard in change.guards],
            change.evidence,
            (first and _touch(first), last and _touch(last), *_view(view)),
            change.traceparent,
            change.opportunity,
            change.outcome,
        )
    )


def unpack(blob: bytes) -> dict[str, Any]:
    """The fields of Change it holds, by name."""
    found, cause, guards, evidence, view, traceparent, opportunity, outcome = (
        msgspec.msgpack.decode(blob)
    )
    if found != FORMAT:
        raise ValueError(f"history detail has format {found}, this release reads {FORMAT}")
    first, last, *plain = view
    return {
        "cause": Cause(*cause),
        "guards": tuple(GuardResult(*guard) for guard in guards),
        "evidence": tuple(evidence),
        "view": View(
            **dict(zip(_PLAIN, plain, strict=False)),
            first_touch=Touch(*first) if first else None,
            last_touch=Touch(*last) if last else None,
        ),
        "traceparent": traceparent,
        "opportunity": opportunity,
        "outcome": outcome,
    }
