"""Rows of contact_view in PostgreSQL's binary COPY format, as copy_binary packs contacts."""

from functools import lru_cache
from operator import attrgetter
from struct import Struct, error
from typing import Final

from app.domain.listing import Facet, facet_of
from app.errors import RowRejected
from app.storage.connect import POSTGRES_EPOCH
from app.storage.rows import ListingRow

LISTING_COLUMNS: Final = (
    "partition", "cycle", "fit", "engagement", "priority", "work_order", "entered_at",
    "updated_at", "in_stage", "is_customer", "follow_up_due", "contact_id", "tenant", "stage",
    "temperature", "owner", "of_owner", "account_id", "of_account", "first_channel", "of_channel",
    "first_campaign", "of_campaign", "linked_to",
)  # fmt: skip

_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"

_length = Struct(">i").pack
_numbers = Struct(">h" + "ii" * 5 + "iq" * 4 + "i?").pack
_number = Struct(">iq").pack
_contact_id = attrgetter("contact_id")
_partition = attrgetter("partition")


def listing_rows(rows: list[ListingRow]) -> bytes:
    """The staged form, in the order of the table's key. Raises RowRejected."""
    out: list[bytes] = [_HEADER]
    ordered = sorted(rows, key=_contact_id)
    ordered.sort(key=_partition)
    try:
        for row in ordered:
            one, contact_id = row.listing, row.contact_id.encode()
            due = one.follow_up_due
            asked = (row.tenant, one.stage, one.temperature)
            out += (
                _numbers(
                    24,
                    4, row.partition,
                    4, one.cycle,
                    4, one.fit,
                    4, one.engagement,
                    4, one.priority,
                    8, one.work_order,
                    8, one.entered_at - POSTGRES_EPOCH,
                    8, row.updated_at - POSTGRES_EPOCH,
                    8, facet_of("stage", row.tenant, "", one.stage, one.temperature),
                    1, one.is_customer,
                ),
                _NULL if due is None else _number(8, due - POSTGRES_EPOCH),
                _length(len(contact_id)),
                contact_id,
                _words(asked),
                _faceted("owner", one.owner, *asked),
                _faceted("account", one.account_id, *asked),
                _faceted("channel", one.first_channel, *asked),
                _faceted("campaign", one.first_campaign, *asked),
                _text(one.linked_to),
            )  # fmt: skip
    except (error, UnicodeEncodeError, OverflowError) as wrong:
        # without the text that could not be encoded
        why = wrong.reason if isinstance(wrong, UnicodeEncodeError) else str(wrong)
        raise RowRejected(f"a row of lists has no PostgreSQL form: {why}") from None
    out.append(_TRAILER)
    return b"".join(out)


@lru_cache(maxsize=1024)
def _words(texts: tuple[str, ...]) -> bytes:
    """Columns that take few values, as one piece."""
    return b"".join(map(_text, texts))


@lru_cache(maxsize=16_384)
def _faceted(facet: Facet, value: str | None, tenant: str, stage: str, temperature: str) -> bytes:
    """A column that lists are asked by, and its number."""
    if value is None:
        return _NULL + _NULL
    return _text(value) + _number(8, facet_of(facet, tenant, value, stage, temperature))


def _text(text: str | None) -> bytes:
    if text is None:
        return _NULL
    encoded = text.encode()
    return _length(len(encoded)) + encoded
