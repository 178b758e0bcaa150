"""What `funnel contact history` answers for a pair of moments."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import contact, history
from app.cli.known import Known
from app.domain.decide import view
from app.storage.rows import StoredChange
from tests.unit.domain.story import B2B, DAY, MONDAY, Story


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    """An opportunity by what was known on day 5; a lead since it was learnt on day 8 that the
    contact had opted out on day 2."""
    one, rows = Story(), []
    for kind, day, known_on in (("demo.requested", 5, 5), ("contact.opted_out", 2, 8)):
        for change in one.tell(kind, day).changes:
            decided_at = MONDAY + known_on * DAY
            revoked_at = MONDAY + 8 * DAY if change.to_stage != "lead" else None
            rows.append(StoredChange(0, "default", "crm-1", decided_at, revoked_at, change))
    at = MONDAY + 9 * DAY
    known = Known(one.contact, rows, B2B, view(one.contact, B2B, at), [], at)
    monkeypatch.setattr(history, "known_of", lambda *_: known)


def asked(*args: str) -> Any:
    answer = CliRunner().invoke(contact.group, ["history", "crm-1", *args, "--json"])
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.output)


def test_without_a_moment_every_record_is_told() -> None:
    assert [each["kind"] for each in asked()] == ["changed"] * 3 + ["revoked"] * 2


@pytest.mark.parametrize(
    ("args", "stage", "moves"),
    [
        (["--as-of", "2026-03-07"], "lead", ["T1"]),
        (["--known-at", "2026-03-07"], "opportunity", ["T1", "T2", "T3"]),
        (["--as-of", "2026-03-07", "--known-at", "2026-03-08"], "opportunity", ["T1", "T2", "T3"]),
        (["--as-of", "2026-03-06", "--known-at", "2026-03-10T00:00:00Z"], "none", []),
        (["--as-of", "2026-03-09", "--known-at", "2026-03-10T00:00:00Z"], "lead", ["T1"]),
        (["--as-of", "2026-03-06T23:59:59Z"], "none", []),
    ],
)
def test_any_pair_of_moments_is_answered(args: list[str], stage: str, moves: list[str]) -> None:
    answer = asked(*args)
    assert answer["stage"] == stage
    assert [each["transition"] for each in answer["moves"]] == moves


def test_what_was_taken_back_later_is_not_shown_as_taken_back_before() -> None:
    answer = asked("--known-at", "2026-03-07")
    assert {each["revoked_at"] for each in answer["moves"]} == {None}


def test_people_are_told_the_stage_and_both_moments() -> None:
    args = ["history", "crm-1", "--known-at", "2026-03-07T12:00:00Z"]
    answer = CliRunner().invoke(contact.group, args)
    assert answer.output.splitlines()[-1] == (
        "crm-1 was opportunity on 2026-03-07T12:00:00Z, as known on 2026-03-07T12:00:00Z."
    )


def test_a_moment_that_is_none_is_wrong_use() -> None:
    answer = CliRunner().invoke(contact.group, ["history", "crm-1", "--as-of", "soon"])
    assert answer.exit_code == 2
