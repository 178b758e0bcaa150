"""All tests, in two processes side by side: ``make test``.

Those on the real Kafka and PostgreSQL mostly wait; the others only compute, and give way to them.
Their output comes when they are through. The exit code is 0 if both were green.
"""

import os
import subprocess
import sys
import tempfile
from typing import Final

COMPUTING: Final = ("tests/unit", "tests/property", "tests/contract", "tests/scenario/rows")
NICENESS: Final = 10


def main() -> int:
    pytest = [sys.executable, "-m", "pytest", "-q"]
    without = [f"--ignore={path}" for path in COMPUTING]
    with tempfile.TemporaryFile() as output:
        computing = subprocess.Popen(
            [*pytest, "-p", "no:cacheprovider", *COMPUTING],
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.nice(NICENESS),
        )
        waiting = subprocess.run([*pytest, *without, "tests"], check=False)
        computing.wait()
        output.seek(0)
        sys.stdout.buffer.write(output.read())
    sys.stdout.flush()
    return waiting.returncode or computing.returncode


if __name__ == "__main__":
    sys.exit(main())
