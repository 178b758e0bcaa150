"""What commands print: tables for people, JSON for machines, never both."""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
PIPE_WIDTH = 200
SHORT_CHARS = 24
"""Cells up to this length are never broken."""


def line(text: str = "") -> None:
    """One line on stdout, as it is."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """One line for people on stderr, so that stdout stays what was asked for."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def json(value: Any) -> None:
    """`value` (Structs, dates and plain data) as one line of JSON."""
    import msgspec

    line(msgspec.json.encode(value).decode())


def with_moments(value: Any, names: Collection[str]) -> Any:
    """Plain data in which the fields of these names, moments in microseconds, are RFC 3339."""
    import msgspec

    from app.domain.timestamps import format_rfc3339

    def told(part: Any) -> Any:
        if isinstance(part, dict):
            return {
                name: format_rfc3339(each)
                if name in names and isinstance(each, int)
                else told(each)
                for name, each in part.items()
            }
        return [told(each) for each in part] if isinstance(part, list | tuple) else part

    return told(msgspec.to_builtins(value))


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """A table on stdout; columns whose cells are all numbers are set right."""
    from rich.console import Console

    # In a pipe there is no width to keep to, and a wrapped cell is one that grep can't find.
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(width=width).print(made_table(columns, rows, title=title))


def made_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    cells = [list(row) for row in rows]
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for at, column in enumerate(columns):
        numeric = bool(cells) and all(isinstance(row[at], int | float) for row in cells)
        is_short = all(len(shown(row[at])) <= SHORT_CHARS for row in cells)
        made.add_column(
            column,
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=is_short,
        )
    for row in cells:
        # Text, never markup: a cell may hold what a stranger sent.
        made.add_row(*(Text(shown(cell)) for cell in row))
    return made


def shown(cell: object) -> str:
    """A cell as text; control characters of what strangers sent are made visible."""
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    text = f"{cell:,}" if isinstance(cell, int) else str(cell)
    return "".join(char if char.isprintable() else "�" for char in text)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """A running count on a terminal's stderr; silent elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn(f"{what} {{task.completed:,.0f}}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda count: progress.update(task, completed=count)
