"""Whether a process can do its work now, and what keeps it from doing so."""

import msgspec


class Health(msgspec.Struct, frozen=True):
    """`reasons` are for people; empty where `ready`. No personal data."""

    ready: bool
    reasons: list[str] = []
