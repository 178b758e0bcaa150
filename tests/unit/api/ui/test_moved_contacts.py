"""Which moves are in the list of a figure: those that the figure counts."""

import pytest

from app.api.ui.moved_contacts import WAYS
from app.domain.funnel_figures import figures
from app.storage.move_queries import StandingMove

STAGES = ("none", "lead", "prospect", "opportunity", "customer", "lost", "recycled")


@pytest.mark.parametrize("stage", STAGES[1:])
def test_each_figure_counts_the_moves_of_its_list(stage: str) -> None:
    pairs = [(a, b) for a in STAGES for b in STAGES[1:] if a != b]
    (told,) = figures([stage], dict.fromkeys(pairs, (1, 0)))
    listed = {
        way: sum(belongs(stage, StandingMove("c", *pair, 0)) for pair in pairs)
        for way, belongs in WAYS.items()
    }
    assert listed == {"entered": told.entered, "on": told.moved_on, "off": told.dropped}
