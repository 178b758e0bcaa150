"""One command at a time uses a data directory: the kernel drops the lock with its holder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import SetupError


@contextmanager
def data_lock(directory: Path) -> Iterator[Path]:
    """Holds `directory`, gives its real path. SetupError names the process that holds it."""
    directory.mkdir(parents=True, exist_ok=True)
    directory = directory.resolve()
    with (directory / "stack.lock").open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            raise SetupError(
                f"{directory} is in use by process {held.read().strip() or 'unknown'}: "
                "stop that one first, or give another data directory"
            ) from None
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        yield directory
