"""The collector of cycles, in a process that lives long and must not pause.

A full collection looks at everything the process holds. After its imports that is 200,000 objects
and more, and takes 100 to 200 ms, in which nothing is answered and nothing decided.
"""

import gc
from typing import Final

COLLECT_AFTER: Final = (20_000, 10, 10)
"""A batch, or an answer, makes thousands of objects that hold no cycles: Python's own thresholds
(700, 10, 10) would look through what a process keeps again and again, a third of a worker's
time."""


def settle() -> None:
    """What is there now lives as long as the process: the collector need not look at it again.

    When everything is imported and made; a second time does no harm."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
