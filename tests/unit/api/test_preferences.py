"""RFC 7240: the first wait counts, and what can't be read is as if it were not there."""

import pytest

from app.api.preferences import wait_of


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], None),
        (["wait=5"], 5),
        (["respond-async, wait=5"], 5),
        (["return=minimal", 'Wait = "7"; foo=bar'], 7),
        (["wait=3, wait=9"], 3),
        (["wait"], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=99999999999"], None),
        (["awaits=5"], None),
    ],
)
def test_the_first_wait_that_can_be_read_counts(headers: list[str], seconds: int | None) -> None:
    assert wait_of(headers) == seconds
