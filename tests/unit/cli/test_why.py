"""What `funnel contact why` says of the decisions that stand, and of what they rest on."""

import pytest
from typer.testing import CliRunner

from app.cli import contact, why
from app.cli.known import Known
from app.domain.decide import view
from app.domain.identity import whole_log
from app.storage.rows import StoredChange
from tests.unit.domain.story import B2B, DAY, MONDAY, Story


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of a contact that asked for a demo on day 5; that it had replied on day 3 came late."""
    one = Story()
    one.tell("demo.requested", 5)
    one.tell("email.replied", 3)
    rows = [StoredChange(0, "default", "crm-1", MONDAY, None, change) for change in one.changes]
    at = MONDAY + 6 * DAY
    known = Known(
        one.contact, rows, B2B, view(one.contact, B2B, at), list(whole_log(one.contact)), at
    )
    monkeypatch.setattr(why, "known_of", lambda *_: known)
    answer = CliRunner().invoke(contact.group, ["why", "crm-1"])
    assert answer.exit_code == 0
    return answer.output.splitlines()


def test_decisions_are_told_in_the_order_in_which_they_were_true(lines: list[str]) -> None:
    heads = [line for line in lines if line.startswith("crm-1: ")]
    assert [head.split(" on ")[0] for head in heads] == [
        "crm-1: none → lead (corrected)",
        "crm-1: lead → prospect (corrected)",
        "crm-1: prospect → opportunity",
    ]
    assert "on 2026-03-05 00:00, because of email.replied" in heads[1]


def test_guards_are_told_with_what_was_seen_and_what_is_required(lines: list[str]) -> None:
    guard = next(line for line in lines if "intent_active" in line)
    assert guard.startswith("  ✓ intent_active")
    assert "demo.requested 0 d ago  (required: intent within 90 d" in guard


def test_evidence_is_told_with_its_type_and_time(lines: list[str]) -> None:
    assert "    evidence 2026-03-05 00:00 email.replied (email.replied@3)" in lines
    assert "    evidence 2026-03-07 00:00 demo.requested (demo.requested@5)" in lines


def test_what_leads_on_is_told_but_for_overrides(lines: list[str]) -> None:
    ways = lines[lines.index("crm-1 is opportunity now. Ways on:") :]
    assert any("opportunity → customer [T5] on deal.won" in line for line in ways)
    assert not any("stage.override" in line for line in ways)
