"""All tests, in four lines of processes side by side: ``make test``.

Those of failures mostly wait, for time-outs of sessions and for processes to start again; so do the
others on a real stack. What listens to all that is published has topics of its own. What only
computes gives way to all of them. A line's output comes when it is through; the exit code is 0 if
all were green.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final

_FAILURES: Final = sorted(str(path) for path in Path("tests/failure").glob("test_*.py"))
FAILURES: Final = _FAILURES[::2], _FAILURES[1::2]
COMPUTING: Final = ["tests/unit", "tests/property", "tests/contract", "tests/scenario/rows"]
LISTENING: Final = ["tests/scenario/test_live.py", "tests/ui"]
RECEIVING: Final = ["tests/scenario/test_webhooks.py", "tests/webhooks"]
GUARDING: Final = ["tests/security"]
FUZZING: Final = ["tests/fuzz"]
_ELSEWHERE: Final = ("tests/failure", *COMPUTING, *LISTENING, *RECEIVING, *GUARDING, *FUZZING)
SLOW: Final = ("tests/alerts", "tests/drills")
"""Have targets of their own."""
OTHERS: Final = ["tests", *(f"--ignore={path}" for path in (*_ELSEWHERE, *SLOW))]
LINES: Final = (
    (list(FAILURES[0]),),
    (list(FAILURES[1]), LISTENING),
    (OTHERS, RECEIVING, FUZZING),
    (COMPUTING, GUARDING),
)
"""Side by side; in a line one after the other, each with a stack of its own."""
NICENESS: Final = 5
_BUT: Final = ("-m", "not thorough")


def main() -> int:
    with ExitStack() as open_, ThreadPoolExecutor(len(LINES)) as running:
        lines = [open_.enter_context(tempfile.TemporaryFile()) for _ in LINES]
        codes = [running.submit(_one_by_one, *each) for each in zip(LINES, lines, strict=True)]
        for code, said in zip(codes, lines, strict=True):
            code.result()
            said.seek(0)
            sys.stdout.buffer.write(said.read())
            sys.stdout.flush()
        return max((each for code in codes for each in code.result()), key=abs)


def _one_by_one(line: Sequence[list[str]], said: IO[bytes]) -> list[int]:
    """The exit codes."""
    return [_start(paths, said, NICENESS * (paths is COMPUTING)).wait() for paths in line]


def _start(paths: list[str], output: IO[bytes], niceness: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _pytest(paths),
        stdout=output,
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: os.nice(niceness),
    )


def _pytest(paths: list[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *_BUT, *paths]


if __name__ == "__main__":
    sys.exit(main())
