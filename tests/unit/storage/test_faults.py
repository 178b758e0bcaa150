"""What each failure of PostgreSQL means to the lane."""

import asyncio

import asyncpg
import pytest

from app.errors import FunnelError, RowRejected, Unavailable, Unclean
from app.storage import faults

MEANINGS: list[tuple[BaseException, type[FunnelError] | None]] = [
    (asyncpg.CharacterNotInRepertoireError("x"), RowRejected),
    (asyncpg.NumericValueOutOfRangeError("x"), RowRejected),
    (asyncpg.NotNullViolationError("x"), RowRejected),
    (asyncpg.ProgramLimitExceededError("x"), RowRejected),
    (asyncpg.UniqueViolationError("x"), Unclean),
    (asyncpg.DeadlockDetectedError("x"), Unclean),
    (asyncpg.LockNotAvailableError("x"), Unclean),
    (asyncpg.QueryCanceledError("x"), Unclean),
    (asyncpg.TransactionTimeoutError("x"), Unclean),
    (asyncpg.IdleInTransactionSessionTimeoutError("x"), Unclean),
    (asyncpg.InternalClientError("x"), Unclean),
    (asyncpg.InterfaceError("another operation is in progress"), Unclean),
    (TimeoutError(), Unclean),
    (asyncpg.InterfaceError("connection is closed"), Unavailable),
    (asyncpg.ConnectionDoesNotExistError("x"), Unavailable),
    (asyncpg.AdminShutdownError("x"), Unavailable),
    (asyncpg.CrashShutdownError("x"), Unavailable),
    (asyncpg.CannotConnectNowError("x"), Unavailable),
    (asyncpg.TooManyConnectionsError("x"), Unavailable),
    (asyncpg.DiskFullError("x"), Unavailable),
    (asyncpg.ReadOnlySQLTransactionError("x"), Unavailable),
    (ConnectionRefusedError("x"), Unavailable),
    (asyncpg.UndefinedTableError("x"), None),
    (asyncpg.CardinalityViolationError("x"), None),
    (AttributeError("x"), None),
    (asyncio.CancelledError(), None),
]


@pytest.mark.parametrize(
    ("failed", "kind"), MEANINGS, ids=[type(failed).__name__ for failed, _ in MEANINGS]
)
def test_each_failure_has_one_meaning(
    failed: BaseException, kind: type[FunnelError] | None
) -> None:
    found = faults.meaning(failed, "testing")
    assert (type(found) if found else None) is kind


def test_a_failed_read_is_tried_again_never_unclean() -> None:
    with pytest.raises(Unavailable, match="reading a test"), faults.reading("reading a test"):
        raise asyncpg.LockNotAvailableError("x")


def test_a_bug_stays_a_bug() -> None:
    with pytest.raises(asyncpg.UndefinedTableError), faults.reading("x"):
        raise asyncpg.UndefinedTableError("x")


def test_the_detail_of_an_error_is_not_told() -> None:
    failed = asyncpg.UniqueViolationError("duplicate key")
    failed.message, failed.detail = "duplicate key", "Key (contact_id)=(jane) already exists."
    assert "jane" not in str(faults.meaning(failed, "x"))
