"""The packed part of a history row."""

import msgspec
import pytest

from app.domain.changes import Cause, Change, GuardResult, Touch, View
from app.storage import detail

VIEW = View(
    stage="opportunity", cycle=2, organisation="met", opportunity="unknown",
    stakeholder="not_met", engagement_strong=True, qualification_high=False, in_pipeline=True,
    has_offer=False, temperature="hot", fit=50_000, engagement=61_300, priority=55_600,
    owner_team="sales", owner="rep-1", is_customer=False, account_id="acme",
    first_touch=Touch("webinar", "spring"), last_touch=Touch(None, None),
)  # fmt: skip
CHANGE = Change(
    kind="changed", seq=1, revision=0, transition_id="0" * 32, transition="T3",
    from_stage="prospect", to_stage="opportunity", cycle=2, effective_at=1, late=False,
    cause=Cause("e-1", "/funnel", "demo.requested", inferred=True, actor="rep-1"),
    guards=(GuardResult("identified", True, "a", "b"), GuardResult("icp", False, "c", "d")),
    evidence=("e-1", "e-2"), view=VIEW, model="b2b-default@1", traceparent="00-ab",
    opportunity="closed", outcome="won",
)  # fmt: skip
PACKED = ("cause", "guards", "evidence", "view", "traceparent", "opportunity", "outcome")
BARE = msgspec.structs.replace(
    CHANGE, guards=(), evidence=(), traceparent=None, opportunity=None, outcome=None,
    view=msgspec.structs.replace(VIEW, first_touch=None, last_touch=None, owner=None),
)  # fmt: skip


@pytest.mark.parametrize("change", [CHANGE, BARE], ids=["full", "bare"])
def test_what_is_packed_unpacks(change: Change) -> None:
    assert detail.unpack(detail.pack(change)) == {name: getattr(change, name) for name in PACKED}


def test_every_field_is_a_column_or_packed() -> None:
    from app.storage.tables import stage_change

    kept = {*PACKED, *stage_change.columns.keys()}
    assert [name for name in Change.__struct_fields__ if name not in kept] == []


def test_a_format_of_the_future_is_refused() -> None:
    with pytest.raises(ValueError, match="format 2, this release reads 1"):
        detail.unpack(msgspec.msgpack.encode([2, None, [], [], [], None, None, None]))
