"""Rolling counts: each batch once, each in its window, bounded."""

from collections import Counter

from app.live.counts import HOURS, MINUTES, Counts, Past, moved, summed, taken_back
from app.live.windows import KINDS_MAX, OTHER, Kind, Windows
from app.outbound.headers import EventType
from tests.unit.live.told import batch, event, nowhere

NOW = 1_772_442_845.0
"""The moment of `told.AT`."""
MOVE = Kind(EventType.STAGE_CHANGED.value, "none", "lead")


def begun(past: Past | None = None) -> Counts:
    counts = Counts(lambda: NOW, tenants_max=2)
    counts.begin(nowhere(), past)
    return counts


def test_a_batch_counts_once() -> None:
    counts = begun()
    for _ in range(2):
        counts.add([batch(1, event(), event("crm-2"))])
    assert moved(summed(counts.minutes.of("default", NOW))) == 2
    assert moved(summed(counts.hours.of("default", NOW))) == 2


def test_what_the_past_has_counted_is_not_counted_again() -> None:
    upto = nowhere()
    upto.advance(0, 0, 3)
    counts = begun(Past(upto, NOW - 3600, [("default", MOVE, NOW - 120, 5)]))
    counts.add([batch(3, event())])
    counts.add([batch(4, event())])
    assert moved(summed(counts.minutes.of("default", NOW))) == 6
    assert counts.complete_since == NOW - 3600


def test_what_is_taken_back_is_counted_apart() -> None:
    counts = begun()
    counts.add([batch(1, event(), event(type_=EventType.STAGE_REVOKED))])
    total = summed(counts.minutes.of("default", NOW))
    assert (moved(total), taken_back(total)) == (1, 1)


def test_signals_are_no_moves() -> None:
    counts = begun()
    counts.add([batch(1, event(type_=EventType.SLA_BREACHED), topic=2)])
    total = summed(counts.minutes.of("default", NOW))
    assert (moved(total), total) == (0, Counter({Kind(EventType.SLA_BREACHED.value): 1}))


def test_windows_are_all_there_and_the_last_is_now() -> None:
    windows = begun().minutes.of("nobody", NOW)
    assert [start for start, _ in windows] == [
        int(NOW) // 60 * 60 - 60 * back for back in reversed(range(MINUTES))
    ]
    assert len(begun().hours.of("nobody", NOW)) == HOURS


def test_only_so_many_windows_tenants_and_kinds_are_kept() -> None:
    windows = Windows(60, 2, tenants_max=2)
    for minute in range(10):
        windows.add("a", MOVE, 60.0 * minute, 60.0 * minute)
    assert len(windows._tenants["a"]) <= 3
    assert moved(summed(windows.of("a", 540.0))) == 2
    windows.add("a", MOVE, 0.0, 540.0)  # too old
    assert moved(summed(windows.of("a", 540.0))) == 2
    for tenant in ("b", "c"):
        windows.add(tenant, MOVE, 540.0, 540.0)
    assert summed(windows.of("a", 540.0)) == Counter()
    for n in range(KINDS_MAX + 5):
        windows.add("c", Kind("x", str(n)), 540.0, 540.0)
    counts = summed(windows.of("c", 540.0))
    assert (len(counts), counts[Kind(OTHER)]) == (KINDS_MAX + 1, 6)


def test_what_is_ahead_of_the_clock_counts_now() -> None:
    windows = Windows(60, 2, tenants_max=2)
    windows.add("a", MOVE, 10_000.0, 60.0)
    assert moved(summed(windows.of("a", 60.0))) == 1
