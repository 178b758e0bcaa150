"""What `funnel model simulate` and `funnel replay` tell people."""

import pytest

from app.cli import model_simulate, replay
from app.domain.interaction import Interaction
from app.domain.replay_difference import Difference
from app.domain.what_if import WhatIf
from app.domain.what_if_result import report_of
from app.domain.what_if_tally import Tally
from app.models import load_rules
from app.runtime.replay.report import ReplayReport
from tests.property.arrivals import START
from tests.property.lives import DAY, Row

NOW, THEN = load_rules("b2b-default@1"), load_rules("profile-first@1")


def intent(at: int = START) -> Interaction:
    data = {"product_id": "analytics"}
    return Interaction("default", "crm-1", "/forms", "e1", "demo.requested", at, at, data)


@pytest.fixture
def tally() -> Tally:
    """Of one contact who asked for a demo; nobody knows its sector."""
    row = Row(NOW)
    row.tell(intent())
    what_if = WhatIf(NOW, THEN, START + DAY)
    what_if.weigh(row.evidence())
    return what_if.tally


def test_who_moves_is_told_with_the_decision_and_what_is_missing(
    tally: Tally, capsys: pytest.CaptureFixture[str]
) -> None:
    model_simulate._print(report_of(tally, [NOW], THEN, START + DAY))
    told = capsys.readouterr().out
    assert "crm-1: opportunity, would be lead" in told
    assert "now by T3 on 2026-03-02" in told
    assert "would by T1 (none → lead)" in told
    assert "because of demo.requested e1" in told
    assert "not prospect by T2: icp:" in told
    assert "1 would be elsewhere" in told
    assert "hand-offs 1 → 0" in told


def test_what_happened_is_told_by_month(tally: Tally) -> None:
    (month,) = report_of(tally, [NOW], THEN, START + DAY).months
    assert (month.month, month.opportunities, month.handoffs) == ("2026-03", (1, 0), (1, 0))
    assert month.moves == (3, 1)


def test_what_is_later_than_the_moment_is_not_there_yet() -> None:
    row = Row(NOW)
    row.tell(intent())
    what_if = WhatIf(NOW, THEN, START - 1)
    what_if.weigh(row.evidence())
    assert dict(what_if.tally.pairs) == {("none", "none"): 1}


def test_a_rule_that_fails_leaves_the_contact_out_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = Row(NOW)
    row.tell(intent())
    what_if = WhatIf(NOW, THEN, START + DAY)
    monkeypatch.setattr("app.domain.fold.MOVES_MAX", 0)
    what_if.weigh(row.evidence())
    assert (what_if.tally.contacts, what_if.tally.refused) == (0, 1)
    assert what_if.tally.refusal


def test_differences_are_told_and_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    report = ReplayReport(contacts=2, interactions=9, too_old=1, behind=3)
    report.differs([Difference("default", "crm-1", "state.owner", "mallory", "None")])
    replay._print(report)
    told = capsys.readouterr().out
    assert "default/crm-1" in told
    assert "mallory" in told
    assert "1 contacts can't be rebuilt" in told
    assert "3 contacts wait for the new model" in told
    assert "2 contacts, 9 interactions folded again: 1 differ" in told
