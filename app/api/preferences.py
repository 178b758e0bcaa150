"""RFC 7240: what a client would like, and may go without."""

import re
from collections.abc import Iterable
from typing import Final

_WAIT: Final = re.compile(r'\s*wait\s*=\s*"?(\d{1,9})"?\s*(;.*)?', re.IGNORECASE).fullmatch


def wait_of(headers: Iterable[str]) -> int | None:
    """The seconds of the first `wait` in the Prefer headers; what can't be read is ignored, as that
    RFC asks."""
    for header in headers:
        for preference in header.split(","):
            found = _WAIT(preference)
            if found is not None:
                return int(found[1])
    return None
