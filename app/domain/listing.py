"""What lists of contacts sort and filter by, and when a contact's place in them changed.

A row of a list is written only when its marks changed: what time alone changes (a score that fades)
is stored as it was then. The order of work stays right without that: a follow-up's due is a
moment, the temperature changes by a timer, and the priority only orders what is equal in both.
"""

from functools import lru_cache
from typing import Final, Literal
from zlib import crc32

import msgspec
import xxhash

from app.domain.book import Book
from app.domain.changes import View
from app.domain.interaction import Microseconds
from app.domain.state import NONE, Deal, State
from app.domain.temperature import COLD

ENGAGEMENT_BAND: Final = 20.0
"""Points of engagement collected, before fading, that make a row worth writing again."""
NOT_WAITING: Final = 1 << 33
"""In the place of a due's second: after every one that is one."""
COLD_LAST: Final = NOT_WAITING + 1
PRIORITY_BITS: Final = 10
PRIORITY_MAX: Final = 1_000
"""In tenths of a point."""
SPREAD_BITS: Final = 18
"""Of the contact's key: so that few have the same order, however many are equally urgent."""

Facet = Literal["stage", "owner", "account", "channel", "campaign"]
Deals = tuple[tuple[str, Deal], ...]
_SCORED: Final = ("work_order", "fit", "engagement", "priority")
Marks = tuple[Microseconds, Deals, *tuple[object, ...]]
"""Equal: the contact's row in the lists is as it was, but for fading scores."""
ENTERED_AT: Final = 0
"""The place in the marks of when the stage was entered …"""
DEALS: Final = 1
"""… and of the open deals."""


class Listing(msgspec.Struct, frozen=True, gc=False):
    """A contact in lists."""

    stage: str
    temperature: str
    cycle: int
    is_customer: bool
    entered_at: Microseconds
    """When it came into its stage."""
    follow_up_due: Microseconds | None
    """Until then somebody has to follow up; None: nobody waits for it."""
    work_order: int
    fit: int
    engagement: int
    priority: int
    owner: str | None
    account_id: str | None
    first_channel: str | None
    first_campaign: str | None
    linked_to: str | None
    """The contact it is folded under: not listed itself."""

    @property
    def is_somewhere(self) -> bool:
        """Of a contact without a stage there may be no row."""
        return self.stage != NONE


def unlike(listing: Listing, other: Listing) -> list[str]:
    """The fields in which they differ, but for scores, which are as of when each was made."""
    names = (name for name in Listing.__struct_fields__ if name not in _SCORED)
    return [name for name in names if getattr(listing, name) != getattr(other, name)]


def marks_of(book: Book) -> Marks:
    """Cheap: it is taken of every contact of every batch."""
    state = book.state
    collected = 0.0
    for points, _ in state.points.values():
        collected += points
    deals = state.open_deals
    return (
        state.entered_at,
        tuple(deals.items()) if deals else (),
        state.stage,
        state.temperature,
        follow_up_due(state) if state.clocks else None,
        state.owner,
        state.linked_account,
        state.mailed_account,
        state.first_touch,
        state.is_customer,
        state.cycle,
        state.known,
        collected // ENGAGEMENT_BAND,
        book.primary,
        book.generation,
    )


def follow_up_due(state: State) -> Microseconds | None:
    """At most one of both clocks runs."""
    return state.clocks.get("hot_followup") or state.clocks.get("warm_followup")


def work_order(temperature: str, due: Microseconds | None, priority: int, contact_id: str) -> int:
    """Smaller first: by the second of the due, then by priority; who is warm and waits for nobody
    comes after those, by priority; every cold one after every warm one."""
    first = NOT_WAITING if due is None else due // 1_000_000
    if temperature == COLD:
        first = COLD_LAST
    urgent = (first << PRIORITY_BITS) | (PRIORITY_MAX - priority // 100)
    spread = crc32(contact_id.encode(errors="surrogatepass")) >> (32 - SPREAD_BITS)
    return (urgent << SPREAD_BITS) | spread


@lru_cache(maxsize=16_384)
def facet_of(facet: Facet, tenant: str, value: str, stage: str, temperature: str) -> int:
    """One number for what a list is asked for: indexes on numbers cost a third of those on texts.
    Two may have the same: who reads compares what it stands for, too."""
    text = "\0".join((facet, tenant, value, stage, temperature))
    return xxhash.xxh3_64_intdigest(text.encode(errors="surrogatepass")) - (1 << 63)


def listing_of(contact_id: str, state: State, view: View) -> Listing:
    """With the scores of the view's moment."""
    due = follow_up_due(state)
    touch = view.first_touch
    return Listing(
        view.stage,
        view.temperature,
        view.cycle,
        view.is_customer,
        state.entered_at,
        due,
        work_order(view.temperature, due, view.priority, contact_id),
        view.fit,
        view.engagement,
        view.priority,
        view.owner,
        view.account_id,
        None if touch is None else touch.channel,
        None if touch is None else touch.campaign_id,
        view.linked_to,
    )
