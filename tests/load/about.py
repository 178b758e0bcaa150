"""What a measurement was made of: commit, versions, seed and command."""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from typing import Any, Final

from tests.load.fleet import ROOT

VERSIONS: Final = ("aiokafka", "asyncpg", "msgspec", "uvloop")


def about(module: str, seed: int) -> dict[str, Any]:
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "app"])
    return {
        "command": " ".join([f"python -m {module}", *sys.argv[1:]]),
        "commit": commit.stdout.strip() + ("+changes" if changed.returncode else ""),
        "seed": seed,
        "cores": os.cpu_count(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in VERSIONS},
        },
    }
