"""Who would move: page by page, and as a table."""

from collections.abc import Mapping
from typing import Any, get_type_hints

import pytest

from app.api.problems import Problem
from app.api.simulated_movers import is_cut, movers_of, page_of
from app.api.simulations import Simulation
from app.domain.what_if_report import MOVERS_MAX, Mover, Report
from app.domain.what_if_tally import Tally

LISTED = [
    Mover("lead", "prospect", "acme", "c-1"),
    Mover("prospect", "lead", "acme", "c-0"),
    Mover("prospect", "lead", "acme", "c-2"),
]


def job(movers: int = 3) -> Simulation:
    nothing: Mapping[str, Any] = dict.fromkeys(get_type_hints(Report), None)
    report = Report(**{**nothing, "listed": LISTED, "movers": movers})
    return Simulation("s", "acme", "strict@1", "jo", "", state="done", report=report)


def test_each_comes_once_whatever_the_page_size() -> None:
    for limit in (1, 2, 3, 4):
        found, after = [], None
        while True:
            page = page_of(job(), None, None, limit, after)
            found += page.items
            after = page.next
            assert len(page.items) <= limit
            if after is None:
                break
        assert [each.contact_id for each in found] == ["c-1", "c-0", "c-2"]


def test_only_those_of_a_pair() -> None:
    assert [each.contact_id for each in movers_of(job(), "prospect", "lead")] == ["c-0", "c-2"]
    assert [each.contact_id for each in movers_of(job(), None, "prospect")] == ["c-1"]
    assert movers_of(job(), "prospect", "prospect") == []


def test_a_list_that_is_cut_says_so() -> None:
    assert (is_cut(job()), is_cut(job(4))) == (False, True)


def test_one_that_runs_has_nobody_to_name() -> None:
    with pytest.raises(Problem) as refused:
        movers_of(Simulation("s", "acme", "strict@1", "jo", ""), None, None)
    assert refused.value.details.status == 409


def test_a_cursor_of_somebody_else_is_refused() -> None:
    with pytest.raises(Problem) as refused:
        page_of(job(), None, None, 1, "lalala")
    assert refused.value.details.status == 422


def test_the_first_ones_are_kept_by_name_whoever_counted_them() -> None:
    every = [Mover("lead", "prospect", "acme", f"c-{n:06}") for n in range(MOVERS_MAX + 10)]
    total = Tally()
    for part in (every[1::2], every[::2]):
        tally = Tally()
        tally.movers = part
        total.add(tally)
    assert total.movers == every[:MOVERS_MAX]
