"""A contact of a batch in the lists: its row if its place changed, its profile, its deals."""

from app.domain.changes import View
from app.domain.decide import view
from app.domain.interaction import Microseconds
from app.domain.listing import DEALS, listing_of, marks_of
from app.domain.personal import profile_told
from app.domain.rules import Rules
from app.handling.batch import DecidedBatch
from app.handling.touched import Touched
from app.storage.rows import DealsRow, ListingRow, ProfileRow


def list_contact(
    batch: DecidedBatch,
    partition: int,
    mine: Touched,
    rules: Rules,
    shown: View | None,
) -> None:
    """Before its change is taken. `shown`: its view now, where others are told."""
    now: Microseconds = batch.decided_at
    entry, contact = mine.entry, mine.entry.contact
    before = entry.marks
    if before is None:
        return  # nothing was decided about it
    marks = marks_of(contact.book)
    # the fit rests on facts, of which others are told
    if marks != before or (shown is not None and shown.fit != entry.fit):
        seen = shown or view(contact, rules, now)
        entry.marks, entry.fit = marks, seen.fit
        listing = listing_of(contact.contact_id, contact.fold, seen)
        batch.listings.append(
            ListingRow(partition, contact.tenant, contact.contact_id, now, listing)
        )
        if marks[DEALS] != before[DEALS]:
            deals = tuple(contact.fold.open_deals.items())
            batch.deals.append(DealsRow(partition, contact.tenant, contact.contact_id, deals))
    if mine.items:
        told = profile_told([item for item, _ in mine.items])
        if told is not None:
            batch.profiles.append(ProfileRow(partition, contact.tenant, contact.contact_id, told))
