"""Failpoints: parsing, and that no await which crosses a boundary is without one."""

import ast
from pathlib import Path

import pytest

from app.errors import SettingsError
from app.failpoints import Failpoint, parse

ROOT = Path(__file__).parents[2]

GUARDED = {
    "app/handling/incarnation.py": {"connect", "prepare"},
    "app/handling/checks.py": {"earliest_checks", "due_contacts"},
    "app/handling/contact_decider.py": {"load", "load_sealed"},
    "app/handling/takeover.py": {
        "read_partition",
        "create_partition",
        "terminate_sessions",
        "take_partition",
        "segments_after",
        "_publish",
    },
    "app/handling/holdings.py": {"release_partition"},
    "app/outbound/coordinator.py": {"start", "_ask"},
    "app/outbound/publisher.py": {
        "start",
        "begin_transaction",
        "_send",
        "send_offsets_to_transaction",
        "gather",
        "commit_transaction",
    },
    "app/inbound/consumer.py": {"wait_for_assignment", "_reread"},
    "app/storage/apply.py": {"_copy", "executemany", "_commit"},
    "app/storage/apply_lists.py": {"copy_to_table", "execute", "executemany"},
    "app/storage/apply_together.py": {"fetch"},
    "app/storage/flows.py": {"fetch"},
    "app/storage/apply_accounts.py": {"execute", "executemany", "copy_records_to_table"},
    "app/handling/register.py": {"read_secret", "erased_among"},
    "app/storage/apply_erasures.py": {"execute", "executemany"},
    "app/storage/models.py": {"executemany"},
    "app/handling/library.py": {"read_model", "read_timelines", "models_of"},
    "app/handling/sweep.py": {"contacts_after"},
    "app/handling/halts.py": {"of_partition", "halted", "record", "clear"},
    "app/storage/command_results.py": {"executemany", "execute"},
    "app/handling/erasing.py": {
        "read_jobs",
        "set_until",
        "blank_segments",
        "read_dead_letters",
        "delete_dead_letters",
        "forget_commands",
        "finish",
    },
    "app/handling/account_decider.py": {"load_accounts", "load_members"},
    "app/storage/fence.py": {"execute"},
}
"""Per module, the calls that cross to Kafka or PostgreSQL on the way of a batch."""

NEAR_LINES = 12
"""How far above an await its failpoint may stand (set-up and comments lie between)."""


def _awaits(module: str) -> list[tuple[str, int]]:
    tree = ast.parse((ROOT / module).read_text())
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Await) and isinstance(node.value, ast.Call):
            called = node.value.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in GUARDED[module]:
                found.append((name, node.lineno))
    return found


def _hits(module: str) -> list[int]:
    lines = (ROOT / module).read_text().splitlines()
    return [n for n, line in enumerate(lines, 1) if "hit(Failpoint." in line]


@pytest.mark.parametrize("module", GUARDED)
def test_every_await_across_a_boundary_has_a_failpoint(module: str) -> None:
    hits = _hits(module)
    bare = [
        f"{module}:{line} {name}"
        for name, line in _awaits(module)
        if not any(0 <= line - hit <= NEAR_LINES for hit in hits)
    ]
    assert bare == []


@pytest.mark.parametrize("module", GUARDED)
def test_every_guarded_call_is_still_there(module: str) -> None:
    assert {name for name, _ in _awaits(module)} == GUARDED[module]


def test_every_failpoint_is_hit_somewhere() -> None:
    source = "".join(path.read_text() for path in (ROOT / "app").rglob("*.py"))
    assert [point for point in Failpoint if f"hit(Failpoint.{point.name})" not in source] == []


def test_an_armed_failpoint_is_parsed() -> None:
    armed = parse("apply.before_commit=kill:0.01, publish.before_send=sleep:1:2")
    assert armed == {
        Failpoint.APPLY_BEFORE_COMMIT: ("kill", 0.01, 1.0),
        Failpoint.PUBLISH_BEFORE_SEND: ("sleep", 1.0, 2.0),
    }


@pytest.mark.parametrize("text", ["nowhere=kill", "apply.before_commit=explode", "x", "a=kill:b"])
def test_a_wrong_failpoint_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(SettingsError, match="FUNNEL_FAILPOINTS"):
        parse(text)
