"""How a process is told to end: once politely, twice at once, and never later than a bound."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_on_signals(*, force_after_seconds: float | None = None) -> Iterator[asyncio.Event]:
    """An event that the first SIGTERM or SIGINT sets. The second one ends the process at once.

    With `force_after_seconds` the first also starts a clock in a thread of its own, so that not
    even a blocked event loop outlives it. Must be entered on the running loop.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def on_signal(number: signal.Signals) -> None:
        if stop.is_set():
            end_at_once(number)
        stop.set()
        if force_after_seconds is not None:
            end_by_force_after(force_after_seconds)

    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield stop
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def end_at_once(number: signal.Signals) -> None:
    """End as the signal would have ended a process that does not handle it."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def end_by_force_after(seconds: float) -> None:
    """Exit with 1 unless the process has ended by itself within `seconds`."""

    def force() -> None:
        print(f"funnel: not stopped after {seconds:g} s, ending by force", file=sys.stderr)  # noqa: T201
        os._exit(1)

    clock = threading.Timer(seconds, force)
    clock.daemon = True
    clock.start()
