"""A made-up next release of this tree: what comes after it, for tests of two side by side.

It expands what the lanes write to most, and then has a contraction to finish with.
"""

import re
import shutil
from pathlib import Path
from typing import Final

from app.storage.migrations import MIGRATIONS, known, newest
from tests.failure.fleet import ROOT

VERSION: Final = "99.0.0"
PARTS: Final = ("app", "migrations", "schemas")
"""What an image holds."""

_MIGRATION: Final = '''"""Made up."""

from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None

floor = "{floor}"


def upgrade() -> None:
    for statement in {statements!r}:
        op.execute(statement)
'''

_EXPAND: Final = (
    *(
        f"ALTER TABLE {table} ADD COLUMN remark text"
        for table in ("contact", "stage_change", "segment", "lane_partition", "contact_view")
    ),
    "CREATE TABLE remark (n integer PRIMARY KEY)",
    "CREATE INDEX stage_change_remark ON stage_change (remark) WHERE remark IS NOT NULL",
)
_CONTRACT: Final = ("ALTER TABLE contact DROP COLUMN remark", "DROP TABLE remark")


def numbered(ahead: int) -> str:
    """The revision of the made-up migration that comes `ahead` after the newest."""
    return f"{int(newest()) + ahead:04}"


def expand(into: Path, ahead: int = 1) -> str:
    """One that leaves the floor where it is. Its revision."""
    return _write(into, ahead, known()[-1].floor, _EXPAND if ahead == 1 else ("SELECT 1",))


def contract(into: Path, ahead: int = 2) -> str:
    """One that releases before it can't live with."""
    return _write(into, ahead, numbered(ahead), _CONTRACT)


def copy_migrations(into: Path) -> Path:
    return shutil.copytree(MIGRATIONS, into, ignore=shutil.ignore_patterns("__pycache__"))


def make_next_release(into: Path) -> Path:
    """A tree to start processes in."""
    for part in PARTS:
        shutil.copytree(ROOT / part, into / part, ignore=shutil.ignore_patterns("__pycache__"))
    expand(into / "migrations")
    contract(into / "migrations")
    mark = into / "app" / "__init__.py"
    text, found = re.subn(r'__version__ = "[^"]+"', f'__version__ = "{VERSION}"', mark.read_text())
    assert found == 1, "app/__init__.py does not say its version any more"
    mark.write_text(text)
    return into


def _write(into: Path, ahead: int, floor: str, statements: tuple[str, ...]) -> str:
    revision = numbered(ahead)
    text = _MIGRATION.format(
        revision=revision, before=numbered(ahead - 1), floor=floor, statements=statements
    )
    (into / "versions" / f"{revision}_made_up.py").write_text(text)
    return revision
