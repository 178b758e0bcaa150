"""All tests, in three lines of processes side by side: ``make test``.

Those of failures mostly wait, for time-outs of sessions and for processes to start again; so do the
others on a real stack, on one of their own. What listens to all that is published has topics of its
own, too. What only computes gives way to all of them. The output of all but the failures comes when
they are through; the exit code is 0 if all were green.
"""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Final

FAILURE: Final = ["tests/failure"]
COMPUTING: Final = ["tests/unit", "tests/property", "tests/contract", "tests/scenario/rows"]
LISTENING: Final = [
    "tests/scenario/test_live.py", "tests/scenario/test_webhooks.py", "tests/webhooks", "tests/ui",
]  # fmt: skip
OTHERS: Final = ["tests", *(f"--ignore={path}" for path in (*FAILURE, *COMPUTING, *LISTENING))]
NICENESS: Final = 10


def main() -> int:
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as computed:
        others, computing = _start(OTHERS, said, 0), _start(COMPUTING, computed, NICENESS)
        with ThreadPoolExecutor(1) as after:
            listening = after.submit(_after, others, LISTENING, said)
            codes = [subprocess.run(_pytest(FAILURE), check=False).returncode]
            codes += [*listening.result(), computing.wait()]
        for output in (said, computed):
            output.seek(0)
            sys.stdout.buffer.write(output.read())
    sys.stdout.flush()
    return max(codes, key=abs)


def _after(first: subprocess.Popen[bytes], paths: list[str], output: IO[bytes]) -> list[int]:
    """The exit codes of `first`, and of what begins when it has ended."""
    return [first.wait(), _start(paths, output, 0).wait()]


def _start(paths: list[str], output: IO[bytes], niceness: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        _pytest(paths),
        stdout=output,
        stderr=subprocess.STDOUT,
        preexec_fn=lambda: os.nice(niceness),
    )


def _pytest(paths: list[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths]


if __name__ == "__main__":
    sys.exit(main())
