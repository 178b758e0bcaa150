"""Rows in PostgreSQL's binary COPY format, packed by hand: a third of the driver's own cost.

Format: https://www.postgresql.org/docs/current/sql-copy.html (signature, flags, extension; then
per row a column count and per column a length and that many bytes; then -1). Column orders here
are those of CONTACT_COLUMNS and HISTORY_COLUMNS: numbers first, so that one `pack` writes them all.
"""

from functools import lru_cache
from operator import attrgetter
from struct import Struct, error
from typing import Final

from app.errors import RowRejected
from app.storage import detail
from app.storage.connect import POSTGRES_EPOCH
from app.storage.rows import ContactRow, HistoryRow

CONTACT_COLUMNS: Final = (
    "partition", "expected_version", "seq", "log_keep", "check_at", "state_bytes", "head_bytes",
    "contact_id", "tenant", "stage", "body",
)  # fmt: skip
"""`body` is state, log_head and log_tail in one: two columns less to measure and to read."""

HISTORY_COLUMNS: Final = (
    "partition", "seq", "cycle", "revision", "effective_at", "decided_at", "late",
    "transition_id", "contact_id", "tenant", "kind", "transition", "from_stage", "to_stage",
    "stage", "model", "revokes", "detail",
)  # fmt: skip

_HEADER: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
NEVER: Final = (1 << 63) - 1
"""timestamptz 'infinity': stands for no check_at, so that the column has one width."""

_length = Struct(">i").pack
_contact = Struct(">h" + "ii" * 4 + "iq" + "ii" * 2 + "i").pack
_history = Struct(">h" + "ii" * 4 + "iq" * 2 + "i?" + "i16s" + "i").pack
_contact_id = attrgetter("change.contact_id")
_partition = attrgetter("partition")


def contact_rows(rows: list[ContactRow]) -> bytes:
    """The staged form of contacts, in the order of the table's key. Raises RowRejected."""
    out: list[bytes] = [_HEADER]
    # two sorts by a plain value are half the cost of one by a pair
    ordered = sorted(rows, key=_contact_id)
    ordered.sort(key=_partition)
    try:
        for row in ordered:
            change = row.change
            contact_id = change.contact_id.encode()
            at = change.check_at
            state, head, tail = change.state, change.log_head, change.log_tail
            state_bytes, head_bytes = len(state), len(head)
            out += (
                _contact(
                    11,
                    4, row.partition,
                    4, change.expected_version,
                    4, change.seq,
                    4, change.log_keep,
                    8, NEVER if at is None else at - POSTGRES_EPOCH,
                    4, state_bytes,
                    4, head_bytes,
                    len(contact_id),
                ),
                contact_id,
                _texts((change.tenant, change.stage)),
                _length(state_bytes + head_bytes + len(tail)),
                state,
                head,
                tail,
            )  # fmt: skip
    except (error, UnicodeEncodeError, OverflowError) as wrong:
        raise RowRejected(f"a contact row has no PostgreSQL form: {_safe(wrong)}") from None
    out.append(_TRAILER)
    return b"".join(out)


def history_rows(rows: list[HistoryRow]) -> bytes:
    """Rows of stage_change, in the order given. Raises RowRejected."""
    out: list[bytes] = [_HEADER]
    try:
        for row in rows:
            change = row.change
            contact_id, body = row.contact_id.encode(), detail.pack(change)
            assert len(change.transition_id) == 32, "a transition_id has 32 hex digits"
            out += (
                _history(
                    18,
                    4, row.partition,
                    4, change.seq,
                    4, change.cycle,
                    4, change.revision,
                    8, change.effective_at - POSTGRES_EPOCH,
                    8, row.decided_at - POSTGRES_EPOCH,
                    1, change.late,
                    16, bytes.fromhex(change.transition_id),
                    len(contact_id),
                ),
                contact_id,
                _texts(
                    (row.tenant, change.kind, change.transition, change.from_stage,
                     change.to_stage, change.view.stage, change.model)
                ),
                _NULL if change.revokes is None else _length(16) + bytes.fromhex(change.revokes),
                _length(len(body)),
                body,
            )  # fmt: skip
    except (error, UnicodeEncodeError, OverflowError) as wrong:
        raise RowRejected(f"a history row has no PostgreSQL form: {_safe(wrong)}") from None
    out.append(_TRAILER)
    return b"".join(out)


@lru_cache(maxsize=4096)
def _texts(texts: tuple[str, ...]) -> bytes:
    """Columns that take few values, as one piece."""
    encoded = [text.encode() for text in texts]
    return b"".join(_length(len(text)) + text for text in encoded)


def _safe(wrong: Exception) -> str:
    """Without the text that could not be encoded."""
    return wrong.reason if isinstance(wrong, UnicodeEncodeError) else str(wrong)
