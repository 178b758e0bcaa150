"""The migrations this release knows, and what each means to processes of other releases.

Each says its `floor`: the oldest revision whose release may go on working once it is applied. It
*expands* where it leaves the floor where it was: releases before it go on beside it. It *contracts*
where it raises the floor: it takes away what they need, so it waits until none of them runs.

Read from the files' text: Alembic, which runs them, costs a process 25 MB.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations"

_FLOOR: Final = re.compile(r'^floor = "(\d{4})"$', re.MULTILINE)


class Migration(NamedTuple):
    revision: str
    """Four digits, so that they compare as text."""
    floor: str
    is_contract: bool


def known() -> Sequence[Migration]:
    """In their order. Those from before there were floors had every process stopped."""
    return _read(MIGRATIONS)


@cache
def _read(folder: Path) -> Sequence[Migration]:
    """A release's files stay as they are, and every connection asks."""
    files = sorted((folder / "versions").glob("[0-9]*_*.py"))
    assert files, f"no migrations in {folder}"
    found: list[Migration] = []
    before: str | None = None
    for file in files:
        revision = file.name.partition("_")[0]
        said = _FLOOR.search(file.read_text())
        floor = revision if said is None else said[1]
        found.append(Migration(revision, floor, before is not None and floor > before))
        if said is not None:
            before = floor
    return tuple(found)


def newest() -> str:
    """The revision this release is made for."""
    return known()[-1].revision


def needed(migrations: Sequence[Migration]) -> str:
    """The least revision this release works with: without the contractions that come last."""
    return next(each.revision for each in reversed(migrations) if not each.is_contract)
