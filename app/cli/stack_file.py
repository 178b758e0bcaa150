"""`.funnel/dev.json`: where the stack of a running `funnel dev` or `funnel demo` is reached.

Written while it runs; other commands read it where nothing else says where Kafka and PostgreSQL
are, so that a second terminal needs no settings.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from app.errors import SetupError


class StackFile(msgspec.Struct, frozen=True):
    bootstrap_servers: str
    database_url: str
    http_url: str
    pids: dict[str, int]
    """The process of each part; ``funnel`` is the one that wrote this."""


def place_in(data_dir: Path) -> Path:
    return data_dir / "dev.json"


@contextmanager
def standing(data_dir: Path, stack: StackFile) -> Iterator[Path]:
    """Keep the file while the body runs. SetupError where another stack is running here."""
    place = place_in(data_dir)
    refuse_second(data_dir)
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_suffix(f".{os.getpid()}")
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(stack)) + b"\n")
    unfinished.replace(place)
    try:
        yield place
    finally:
        if (left := read(data_dir)) is None or left.pids == stack.pids:
            place.unlink(missing_ok=True)


def refuse_second(data_dir: Path) -> None:
    """SetupError where a stack is already running on this directory."""
    running = running_in(data_dir)
    if running is not None and running.pids.get("funnel") != os.getpid():
        raise SetupError(
            f"a stack is already running (process {running.pids.get('funnel')}, "
            f"see {place_in(data_dir)}): stop it first, or use another FUNNEL_DATA_DIR"
        )


def running_in(data_dir: Path) -> StackFile | None:
    """The stack that runs on this directory; None also for a file its process left behind."""
    stack = read(data_dir)
    return stack if stack is not None and _is_alive(stack.pids.get("funnel")) else None


def read(data_dir: Path) -> StackFile | None:
    try:
        return msgspec.json.decode(place_in(data_dir).read_bytes(), type=StackFile)
    except (OSError, msgspec.MsgspecError):
        return None


def _is_alive(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
