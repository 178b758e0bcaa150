"""What a failed statement means to the lane: the one place that knows PostgreSQL's error codes.

Nothing here is guessed: an error with no known meaning stays as it is, a bug that ends the process.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from app.errors import FunnelError, RowRejected, Unavailable, Unclean

DRIVER_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,  # TimeoutError is one too
)

_AWAY: Final = (
    "08",  # connection exception
    "25006",  # read-only: a failover is under way
    "53",  # insufficient resources: connections, memory, disk
    "57P",  # shut down, crashed, starting up
    "58",  # system error
)
_UNKNOWN: Final = (
    "23505",  # a key that must be new is there: somebody else wrote
    "25P03",  # idle in transaction for too long: this process was stopped
    "25P04",  # transaction_timeout
    "40",  # deadlock, serialisation
    "55P03",  # lock_timeout
    "57014",  # cancelled
)
_REJECTED: Final = ("22", "23", "54")  # data, integrity, program limit


def meaning(failed: BaseException, doing: str) -> FunnelError | None:
    """The error as the lane knows it, or None: it is no error of the driver, or a bug."""
    text = f"PostgreSQL, {doing}: {described(failed)}"
    match failed:
        case asyncpg.PostgresError():
            return _of_code(failed.sqlstate or "", text)
        case asyncpg.InterfaceError() if "closed" in str(failed):
            return Unavailable(text)
        case asyncpg.InterfaceError() | asyncpg.InternalClientError() | TimeoutError():
            return Unclean(text)
        case OSError():
            return Unavailable(text)
    return None


def described(failed: BaseException) -> str:
    """Name and message, without PostgreSQL's detail: that quotes keys and rows."""
    message = failed.message if isinstance(failed, asyncpg.PostgresError) else None
    return f"{type(failed).__name__}: {message or failed}"


def _of_code(code: str, text: str) -> FunnelError | None:
    if code.startswith(_UNKNOWN):
        return Unclean(text)
    if code.startswith(_AWAY):
        return Unavailable(text)
    if code.startswith(_REJECTED):
        return RowRejected(text)
    return None


@contextmanager
def reading(doing: str) -> Iterator[None]:
    """For statements that can simply be tried again: nothing they fail with is unclean.

    Raises Unavailable, and RowRejected where an argument (a key with a NUL) is refused.
    """
    try:
        yield
    except DRIVER_ERRORS as failed:
        match meaning(failed, doing):
            case Unavailable() | Unclean() as known:
                raise Unavailable(str(known)) from failed
            case RowRejected() as known:
                raise known from failed
        raise
