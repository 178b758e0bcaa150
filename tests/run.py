"""All tests, in three processes side by side: ``make test``.

Those of failures mostly wait, for time-outs of sessions and for processes to start again; so do the
others on a real stack, on one of their own. What only computes gives way to both. The output of the
last two comes when they are through; the exit code is 0 if all were green.
"""

import os
import subprocess
import sys
import tempfile
from typing import IO, Final

FAILURE: Final = ["tests/failure"]
COMPUTING: Final = ["tests/unit", "tests/property", "tests/contract", "tests/scenario/rows"]
OTHERS: Final = ["tests", *(f"--ignore={path}" for path in (*FAILURE, *COMPUTING))]
NICENESS: Final = 10


def main() -> int:
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as computed:
        others, computing = _start(OTHERS, said, 0), _start(COMPUTING, computed, NICENESS)
        codes = [subprocess.run(_pytest(FAILURE), check=False).returncode]
        for process, output in ((others, said), (computing, computed)):
            codes.append(process.wait())
            output.seek(0)
            sys.stdout.buffer.write(output.read())
    sys.stdout.flush()
    return max(codes, key=abs)


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
