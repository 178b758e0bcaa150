"""What is refused before anything is asked for, and what is told of a timeline."""

from typing import Any

import pytest
from msgspec.structs import replace

from app.api.activating import Asked, check_event, check_stages, event_of
from app.cli.model_activate import SOURCE, _told
from app.cli.model_timeline import activations, answers
from app.errors import FunnelError, ModelError
from app.models import load_rules
from app.storage.model_queries import TimelineRow
from app.storage.models import ActivationRow

AT = 1_790_000_000_000_000
ASKED = Asked("id-1", "acme", "profile-first@1", "a" * 64, "refold", AT, 1200, True)


def row(partition: int = 0, **different: Any) -> ActivationRow:
    usual = ActivationRow(
        partition, "acme", 1, "a" * 64, "refold", AT, "id-1", "ops", AT - partition
    )
    return replace(usual, **different)


def test_a_model_that_lacks_a_stage_says_where_its_contacts_go() -> None:
    b2b, two_stage = load_rules("b2b-default@1"), load_rules("two-stage@1")
    check_stages(b2b, two_stage)
    check_stages(two_stage, b2b)
    with pytest.raises(ModelError) as refused:
        check_stages(b2b, _without_map(two_stage))
    assert str(refused.value) == (
        "two-stage@1 has no stage prospect, in which b2b-default@1 may have left contacts: add it,"
        " or say where they go, as in `map: {prospect: lead}`"
    )


def _without_map(rules: Any) -> Any:
    from dataclasses import replace as changed

    return changed(rules, stage_map={})


@pytest.mark.parametrize(
    ("asked", "actor", "where"),
    [(replace(ASKED, tenant="a/b"), "ops", "/tenantid"), (ASKED, "", "/data/actor")],
)
def test_what_the_lane_would_bury_is_not_sent(asked: Asked, actor: str, where: str) -> None:
    with pytest.raises(FunnelError, match=where):
        check_event(event_of(asked, actor, SOURCE, AT))
    check_event(event_of(ASKED, "ops", SOURCE, AT))


@pytest.mark.parametrize(
    ("mode", "tells"),
    [("refold", "all history included"), ("forward", "stays as it was decided")],
)
def test_what_happens_when_is_told(mode: str, tells: str) -> None:
    text = " ".join(_told(replace(ASKED, mode=mode)))
    assert tells in text
    for part in ("profile-first@1", "acme", "1,200 contacts", "2026-09-21T14:13:20Z"):
        assert part in text


def test_what_is_so_already_is_said_so() -> None:
    (text,) = _told(replace(ASKED, is_new=False))
    assert "nothing to do" in text


def test_a_timeline_tells_a_command_once_with_all_its_partitions() -> None:
    rows = [
        row(1, swept=7, swept_at=AT + 1),
        row(0, swept=3),
        row(0, activated_by="id-0", decided_at=AT - 9, mode="forward"),
    ]
    first, second = activations([TimelineRow("m@1", each) for each in rows])
    assert (first["activated_by"], first["mode"], first["partitions"]) == ("id-0", "forward", 1)
    assert (second["partitions"], second["swept_partitions"], second["swept_contacts"]) == (
        2,
        1,
        10,
    )
    assert second["active_from"] == "2026-09-21T14:13:20Z"


def test_a_partition_answers_with_what_it_has_of_the_same() -> None:
    before = row(1, activated_by="somebody else")
    other = row(2, activated_by="somebody else", mode="forward")
    assert answers(ASKED, [row(0), before, other]) == {0: row(0), 1: before}
