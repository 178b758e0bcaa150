"""Server-sent events as bytes: one encoding of an event for all who listen."""

from enum import StrEnum
from typing import Final

import msgspec

from app.live.event import LiveEvent

_to_json = msgspec.json.Encoder().encode


class Control(StrEnum):
    """Names of the events that are about the stream itself; all others have none."""

    RESET = "reset"
    DROPPED = "dropped"
    END = "end"


class Reason(StrEnum):
    """Why a control event was sent; for machines."""

    UNKNOWN_POSITION = "unknown_position"
    TOO_FAR_BACK = "too_far_back"
    TOO_SLOW = "too_slow"
    STOPPING = "stopping"
    RESTARTED = "restarted"
    RENEW = "renew"
    UNAVAILABLE = "unavailable"


DETAILS: Final = {
    Reason.UNKNOWN_POSITION: "that position is of another time or database: load again what you"
    " show; what happens from now on follows",
    Reason.TOO_FAR_BACK: "more happened since then than is told again: load again what you show;"
    " what happens from now on follows",
    Reason.TOO_SLOW: "events came faster than they were read: connect again with the last id,"
    " or ask for less by type, stage or owner_team",
    Reason.STOPPING: "the service stops here: connect again with the last id",
    Reason.RESTARTED: "the live view began anew: connect again with the last id",
    Reason.RENEW: "a stream is ended from time to time, so that access is checked again: connect"
    " again with the last id",
    Reason.UNAVAILABLE: "what happened meanwhile can't be read now: connect again with the last id",
}


def event(position: bytes, told: LiveEvent) -> bytes:
    return b"id: %s\ndata: %s\n\n" % (position, told.body())


def control(name: Control, reason: Reason) -> bytes:
    data = _to_json({"reason": reason, "detail": DETAILS[reason]})
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)


def retry(milliseconds: int) -> bytes:
    return b"retry: %d\n\n" % milliseconds


def here(position: bytes) -> bytes:
    """No event: where the stream is, for whoever connects again."""
    return b"id: %s\n\n" % position


def heartbeat(position: bytes | None) -> bytes:
    return b": heartbeat\n\n" if position is None else b": heartbeat\nid: %s\n\n" % position
