"""Metrics do not grow with what producers call themselves."""

from app.handling.tally import SOURCE_LABELS_MAX, Tally
from app.telemetry.metrics import Metrics


def test_sources_beyond_the_limit_share_a_label() -> None:
    tally = Tally(Metrics(), ["in"])
    known = [f"/s{n}" for n in range(SOURCE_LABELS_MAX)]
    assert [tally.source_label(source) for source in known] == known
    assert tally.source_label("/one-more") == "other"
    assert tally.source_label(known[0]) == known[0]
