"""Conversion, drop-off and velocity of flows."""

from app.domain.funnel_figures import StageFigures, figures

DAY = 86_400
COUNTED = {
    ("none", "lead"): (100, 0),
    ("lead", "prospect"): (30, 30 * 4 * DAY),
    ("lead", "opportunity"): (10, 10 * 8 * DAY),
    ("lead", "recycled"): (5, 0),
    ("recycled", "prospect"): (2, 2 * DAY),
    ("customer", "opportunity"): (1, DAY),
    ("opportunity", "customer"): (4, 4 * DAY),
}


def test_moves_become_rates_of_each_stage() -> None:
    lead, recycled, customer, lost = figures(("lead", "recycled", "customer", "lost"), COUNTED)
    assert lead == StageFigures("lead", 100, 40, 5, 0.4, 0.05, 5.0)
    assert recycled == StageFigures("recycled", 5, 2, 0, 0.4, 0.0, 1.0)
    assert customer == StageFigures("customer", 4, 0, 0, 0.0, 0.0, None)
    assert lost == StageFigures("lost", 0, 0, 0, None, None, None)
