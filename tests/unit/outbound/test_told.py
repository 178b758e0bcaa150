"""What was published can be read back as the change it was."""

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from app.handling.ports import Told
from app.handling.records import OutputRecord
from app.outbound.told import told_of
from tests.unit.outbound.decisions import CHANGE, DECIDED_AT, VIEW, encoder

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def read_back(record: OutputRecord) -> Told | None:
    fetched: Any = SimpleNamespace(value=record.value, headers=record.headers)
    return told_of(fetched)


@pytest.mark.parametrize(
    "change",
    [
        CHANGE,
        replace(CHANGE, traceparent=TRACE, late=True, guards=(), evidence=()),
        replace(CHANGE, kind="revoked", revision=7, revokes="f" * 32, opportunity="revoked"),
        replace(CHANGE, kind="corrected", revision=2, opportunity=None),
        replace(CHANGE, opportunity="closed", outcome="won"),
        replace(CHANGE, view=replace(VIEW, fit=12_345, owner="ada", first_touch=None)),
    ],
)
def test_a_published_change_is_read_back_as_it_was(change: Any) -> None:
    records = encoder().change("acme", "crm-1", 4, DECIDED_AT, change)
    told = [read_back(record) for record in records]
    assert told[0] is not None
    assert told[0].change == replace(change, opportunity=None, outcome=None)
    assert told[0][:4] == ("acme", "crm-1", change.seq, DECIDED_AT)
    if change.opportunity is not None:
        assert told[1] == Told(
            "acme", "crm-1", change.seq, DECIDED_AT, None, change.opportunity, change.outcome
        )


def test_what_is_no_stage_change_is_none() -> None:
    snapshot = encoder().snapshot("acme", "crm-1", 4, DECIDED_AT, 3, 9, VIEW, "b2b-default@1")
    assert read_back(snapshot) is None
