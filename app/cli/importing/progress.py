"""How much of a file is done: a bar on a terminal, now and then a line elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from app.cli import printing

LINE_EVERY_SECONDS: Final = 10.0


@contextmanager
def progress(what: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """To be told of how many bytes are done."""
    if not sys.stderr.isatty():
        yield _lines(what, total_bytes)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total_bytes)
        yield lambda done: bar.update(task, completed=done)


def _lines(what: str, total_bytes: int) -> Callable[[int], None]:
    told_at = time.monotonic()

    def tell(done: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= LINE_EVERY_SECONDS:
            told_at = time.monotonic()
            printing.note(f"{what}: {100 * done // max(total_bytes, 1)} %")

    return tell
