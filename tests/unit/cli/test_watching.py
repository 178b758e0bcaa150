from app.cli.watching import Watch, lines_of, rows_of, totals
from app.telemetry.metrics import Metrics


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_forwarded_record_counts_once() -> None:
    metrics = Metrics()
    metrics.interactions_handled.labels("applied").inc(5)
    metrics.interactions_handled.labels("forwarded").inc(2)
    figures = Watch(metrics, Clock()).figures(sent=6, to_send=9, stages={})
    assert (figures.completed, figures.under_way) == (5, 1)


def test_rate_is_that_of_the_last_two_seconds() -> None:
    metrics, clock = Metrics(), Clock()
    watch = Watch(metrics, clock)
    moves = metrics.transitions.labels("b2b-default@1", "lead", "prospect")
    rates = []
    for _ in range(5):
        rates.append(watch.figures(0, 0, {}).transitions_per_second)
        clock.now += 1
        moves.inc(10)
    assert rates == [0, 10, 10, 10, 10]


def test_totals_are_by_label() -> None:
    metrics = Metrics()
    metrics.dead_letters.labels("unknown_type").inc(3)
    assert totals(metrics.dead_letters) == {"unknown_type": 3}


def test_line_says_what_is_under_way() -> None:
    line, _ = lines_of(Watch(Metrics(), Clock()).figures(sent=1200, to_send=3400, stages={}))
    assert "sent 1,200 of 3,400 · under way 1,200" in line


def test_lines_fit_a_small_terminal() -> None:
    metrics = Metrics()
    for outcome in ("applied", "duplicate", "late", "forwarded", "dead_letter"):
        metrics.interactions_handled.labels(outcome).inc(99_999)
    figures = Watch(metrics, Clock()).figures(sent=99_999, to_send=99_999, stages={})
    assert all(len(line) <= 80 for line in lines_of(figures))


def test_a_stage_has_its_temperatures() -> None:
    rows = rows_of({"lead": {"warm": 2, "cold": 5}, "opportunity": {"hot": 3}})
    assert rows[0] == ("lead", 7, 0, 2, 5)
    assert rows[2] == ("opportunity", 3, 3, 0, 0)


def test_the_erased_are_shown_once_there_are_any() -> None:
    assert rows_of({})[-1][0] == "disqualified"
    assert rows_of({"erased": {"": 1}})[-1] == ("erased", 1, 0, 0, 0)
