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
CLICKS_MAX: Final = 32

NEVER: Final = 1 << 62
"""No moment."""


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
    is_cancelled: bool = False
    """A later intent, or a new cycle that it is not carried into: its timers are off."""
    arrived: Microseconds = 0


class Click(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A link click that is not settled: until then it may be a machine's."""

    at: Microseconds
    id: str
    source: str
    type: str
    message: str
    link: str
    flags: int
    arrived: Microseconds
    channel: str | None = None
    campaign_id: str | None = None
    is_spoiled: bool = False
    """Another link of the message was clicked within a second, or it came with the delivery."""


class Handoff(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Sales was asked to take the contact over; the move (from, to, cycle, n) it was asked for."""

    from_stage: str
    to_stage: str
    cycle: int
    n: int
    transition: str
    at: Microseconds
    answer: str | None = None
    """accepted or rejected; unasked: what moved the contact was too old to ask; None: open."""
    answered_by: str | None = None
    """The id of the answer."""
    arrived: Microseconds = 0
    """When what it was requested by arrived."""


class Deal(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An open deal, as last heard."""

    amount: float | None = None
    currency: str | None = None
    probability: float | None = None
    expected_close: str | None = None


class Term(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A date that an interaction set: the end of a trial or of a quote."""

    until: Microseconds
    at: Microseconds
    arrived: Microseconds


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
    open_deals: dict[str, Deal] = {}
    closed_deals: tuple[str, ...] = ()
    quotes: dict[str, Term] = {}
    """Open quotes and how long they are valid."""
    owner: str | None = None
    linked_account: str | None = None
    """As somebody linked it …"""
    mailed_account: str | None = None
    """… else by the domain of the last e-mail address."""
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
    next_due: Microseconds = NEVER
    """A moment no later than the next due timer: until then none has to be looked for."""
    entered_arrived: Microseconds = 0
    """When what moved the contact here arrived."""
    is_placed: bool = False
    """A person put it into its stage."""
    temperature: str = "cold"
    cooling_since: Microseconds | None = None
    """The conditions of the temperature ended then."""
    last_sales: Microseconds = 0
    active_arrived: Microseconds = 0
    """When the last interaction of theirs or of sales arrived."""
    clicks: tuple[Click, ...] = ()
    content: Seen | None = None
    """The last download."""
    trial: Term | None = None
    pin_until: Microseconds | None = None
    handoff: Handoff | None = None
    """The last one that was requested, while it matters."""
    clocks: dict[str, Microseconds] = {}
    """Service-level clocks that run: when each is breached."""
    asked_at: Microseconds | None = None
    """When somebody was last asked to find out the industry."""
    fired: dict[str, Microseconds] = {}
    """Timers that have gone off, with the due they had: the same due does not come again."""
    nurture: tuple[str, str, int] | None = None
    """(track, stage, cycle) marketing is asked to nurture on."""

    @property
    def account_id(self) -> str | None:
        return self.linked_account or self.mailed_account
