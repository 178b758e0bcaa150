"""Records applied a second, from what the lanes' positions were when somebody looked before."""

from collections import deque
from collections.abc import Callable
from typing import Final

WINDOW_SECONDS: Final = 60.0
SAMPLES_MAX: Final = 64
LEAST_SECONDS: Final = 1.0


class Throughput:
    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock`: seconds that never go back."""
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque(maxlen=SAMPLES_MAX)

    def saw(self, applied: int) -> None:
        now = self._clock()
        if self._samples and applied < self._samples[-1][1]:
            self._samples.clear()  # a topic was made anew
        if not self._samples or now - self._samples[-1][0] >= LEAST_SECONDS:
            self._samples.append((now, applied))
        while self._samples and now - self._samples[0][0] > WINDOW_SECONDS:
            self._samples.popleft()

    def per_second(self) -> float | None:
        """None: nobody has looked for long enough."""
        if len(self._samples) < 2:
            return None
        (since, before), (now, applied) = self._samples[0], self._samples[-1]
        return (applied - before) / (now - since)
