"""What commands print of things that strangers sent."""

import pytest

from app.cli.explaining import ago, told_change
from app.cli.printing import shown
from app.cli.settings import without_password
from app.domain.changes import Cause, Change, GuardResult, View

VIEW = View(
    stage="opportunity",
    cycle=1,
    organisation="met",
    opportunity="unknown",
    stakeholder="unknown",
    engagement_strong=True,
    qualification_high=True,
    in_pipeline=True,
    has_offer=False,
    temperature="hot",
    fit=50_000,
    engagement=61_300,
    priority=55_650,
    owner_team="sales",
    owner=None,
    is_customer=False,
    account_id=None,
    first_touch=None,
    last_touch=None,
)
CHANGE = Change(
    kind="changed",
    seq=3,
    revision=0,
    transition_id="0" * 32,
    transition="T3",
    from_stage="prospect",
    to_stage="opportunity",
    cycle=1,
    effective_at=1_772_442_845_000_000,
    late=False,
    cause=Cause("e1", "https://shop.example", "demo.requested"),
    guards=(GuardResult("intent_active", True, "demo.requested 0 d ago", "<= 90 d"),),
    evidence=("e1",),
    view=VIEW,
    model="b2b-default@1",
)


def test_change_is_told_with_guards_and_evidence() -> None:
    head, guard, evidence = told_change("crm-1", CHANGE)
    assert head == (
        "crm-1: prospect → opportunity on 2026-03-02 09:14, because of demo.requested"
        " [T3, b2b-default@1]"
    )
    assert "✓ intent_active" in guard
    assert "demo.requested 0 d ago  (required: <= 90 d)" in guard
    assert evidence.endswith("evidence e1")


@pytest.mark.parametrize(
    ("cell", "text"),
    [(None, "-"), (True, "yes"), (12_345, "12,345"), ("a\x1b[31mb\n", "a�[31mb�"), (1.5, "1.5")],
)
def test_cell_shows_no_control_character(cell: object, text: str) -> None:
    assert shown(cell) == text


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://u:p@h:1/d", "postgresql://u:***@h:1/d"),
        ("postgresql://u:p@q@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql:///d?host=/run/x&password=p", "postgresql:///d?host=/run/x&password=***"),
    ],
)
def test_password_in_a_url_is_masked(url: str, masked: str) -> None:
    assert without_password(url) == masked


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (864_000, "10 d")]
)
def test_ago_is_for_people(seconds: int, text: str) -> None:
    assert ago(0, seconds * 1_000_000) == text
