"""Metrics do not grow with what producers call themselves."""

from typing import Any

from app.handling import decider
from app.handling.decider import Decider


def test_sources_beyond_the_limit_share_a_label() -> None:
    deciding: Any = Decider.__new__(Decider)
    deciding._sources = set()
    known = [f"/s{n}" for n in range(decider.SOURCE_LABELS_MAX)]
    assert [deciding._source_label(source) for source in known] == known
    assert deciding._source_label("/one-more") == "other"
    assert deciding._source_label(known[0]) == known[0]
