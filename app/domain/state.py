"""What the fold knows about a contact: small, bounded, a pure function of the interactions so far.

Nothing here depends on the order of arrival, and nothing here is personal data.
"""

from typing import Final

import msgspec

from app.domain.interaction import Microseconds

NONE: Final = "none"
LEAD: Final = "lead"
PROSPECT: Final = "prospect"
OPPORTUNITY: Final = "opportunity"
CUSTOMER: Final = "customer"
LOST: Final = "lost"
RECYCLED: Final = "recycled"
DISQUALIFIED: Final = "disqualified"

OPEN_DEALS_MAX: Final = 64
CLOSED_DEALS_MAX: Final = 64
OPEN_QUOTES_MAX: Final = 16
FACTS_MAX: Final = 32
SCOPES_MAX: Final = 16


Scalar = str | int | float | bool | None


class Fact(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The last word on one criterion."""

    value: Scalar
    at: Microseconds
    id: str
    valid_until: Microseconds | None = None
    actor: str | None = None
    confidence: str | int | float | None = None


class Seen(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An interaction that a guard rests on. `day` counts in the model's time zone."""

    at: Microseconds
    id: str
    type: str
    day: int = 0


class Deadline(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A date of decision, ahead when it was stated."""

    due: Microseconds
    at: Microseconds
    id: str
    is_used: bool = False


class State(msgspec.Struct, array_like=True, gc=False):
    """After the last folded interaction, whose effective time is `head_time`.

    New fields go to the end and have a default: older encodings then still decode.
    """

    head_time: Microseconds = 0
    stage: str = NONE
    cycle: int = 1
    entered_at: Microseconds = 0
    is_customer: bool = False
    moves: dict[str, int] = {}
    """How often each move was made in this cycle, by ``from>to``."""
    points: dict[int, tuple[float, Microseconds]] = {}
    """Engagement by half-life in seconds: the sum as it was at that time."""
    caps: dict[str, tuple[int, float]] = {}
    """Points of a capped type on its last day: (day, points)."""
    first_inbound_day: int | None = None
    last_inbound: Microseconds | None = None
    strong: Seen | None = None
    """The last human two-way interaction or intent that is not weak."""
    weak: Seen | None = None
    """The last weak two-way interaction …"""
    weak_before: Seen | None = None
    """… and the last one of an earlier day."""
    last_intent: Microseconds | None = None
    intent: Seen | None = None
    """The last human intent that is not used."""
    deadline: Deadline | None = None
    """The last stated deadline."""
    facts: dict[str, Fact] = {}
    opted_out: tuple[str, ...] = ()
    """Scopes: processing, marketing, or a channel."""
    # Tuples: an empty one costs nothing to decode.
    open_deals: tuple[str, ...] = ()
    closed_deals: tuple[str, ...] = ()
    quotes: dict[str, Microseconds] = {}
    """Open quotes and how long they are valid."""
    owner: str | None = None
    account_id: str | None = None
    is_barred: bool = False
    """Disqualified by a person: no fact brings the contact back."""
    reason: str | None = None
    """Of lost or disqualified, while the contact is."""
    is_outbound: bool = False
    """The first we knew of the contact was our own campaign."""
    first_touch: tuple[str | None, str | None] | None = None
    last_touch: tuple[str | None, str | None] | None = None
    known: int = 0
    """Bits: what is known about the contact (see entry.KNOWN)."""
