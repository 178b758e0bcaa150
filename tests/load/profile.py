"""The service's command line with a sampling profiler in it: where its CPU time goes.

SIGPROF after every 2 ms of CPU, the stack noted in the handler. BENCH_PROFILE names the file that
gets two tables at the end: by function with all it called, and by line without.
"""

import os
import signal
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

INTERVAL_SECONDS: Final = 0.002
ROWS: Final = 70


class Sampler:
    def __init__(self) -> None:
        self.samples = 0
        self._functions: Counter[CodeType] = Counter()
        self._lines: Counter[tuple[CodeType, int | None]] = Counter()

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self.sample)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)

    def stop(self) -> str:
        """Two tables."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        return self.report()

    def sample(self, _: int, frame: FrameType | None) -> None:
        self.samples += 1
        if frame is not None:
            self._lines[frame.f_code, frame.f_lineno] += 1
        codes = set()
        while frame is not None:
            codes.add(frame.f_code)
            frame = frame.f_back
        self._functions.update(codes)

    def report(self) -> str:
        functions = [(_name(code), n) for code, n in self._functions.most_common(ROWS)]
        lines = [(f"{_name(code)}:{at}", n) for (code, at), n in self._lines.most_common(ROWS)]
        parts = [f"{self.samples} samples of {INTERVAL_SECONDS * 1000:g} ms CPU"]
        for title, counts in (("with callees", functions), ("lines alone", lines)):
            parts.append(f"\n{title}")
            parts += [f"{100 * n / self.samples:6.2f} %  {name}" for name, n in counts]
        return "\n".join(parts) + "\n"


def _name(code: CodeType) -> str:
    return f"{'/'.join(Path(code.co_filename).parts[-2:])}:{code.co_qualname}"


def main() -> None:
    from app.cli.main import main as funnel

    sampler = Sampler()
    sampler.start()
    try:
        funnel()
    finally:
        Path(os.environ["BENCH_PROFILE"]).write_text(sampler.stop())


if __name__ == "__main__":
    main()
