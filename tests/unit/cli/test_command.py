"""The command as scripts meet it: exit codes, what goes where, and what it does not load."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from app.cli.main import app

FUNNEL = [sys.executable, "-m", "app.cli.main"]
COMMANDS = (
    *("demo", "dev", "worker", "migrate", "topics", "check-config", "publish", "tail"),
    *("contact", "account", "lag", "deadletters", "model", "schemas", "commands", "lane"),
)
NOWHERE = {
    "FUNNEL_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "FUNNEL_DATABASE__URL": "postgresql://u:s3cret@127.0.0.1:1/d",
}


def funnel(
    *args: str, environment: dict[str, str] | None = None, text: str = ""
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FUNNEL_")}
    return subprocess.run(
        [*FUNNEL, *args],
        env={**clean, **(environment or {})},
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_help_names_every_command() -> None:
    answer = funnel("--help")
    assert answer.returncode == 0
    assert all(command in answer.stdout for command in COMMANDS)


def commands_below(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, each in getattr(command, "commands", {}).items():
        yield from commands_below(each, (*path, name))


@pytest.mark.parametrize("path", list(commands_below(typer.main.get_command(app))), ids=" ".join)
def test_every_command_can_be_asked_for_help(path: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, [*path, "--help"])
    assert answer.exit_code == 0, answer.exception
    assert "Usage" in answer.output


def test_help_loads_nothing_heavy() -> None:
    heavy = "faust aiokafka sqlalchemy asyncpg pydantic structlog aiohttp transitions jsonschema_rs"
    program = f"import sys, app.cli.main; print(*set({heavy.split()!r}) & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.split() == []


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"],
        ["deadletters", "redrive"],
        ["deadletters", "redrive", "17", "--reason", "too_large"],
        ["deadletters", "redrive", "--reason", "bad luck"],
        ["deadletters", "redrive", "17", "--rate", "0"],
        ["deadletters", "list", "--since", "yesterday"],
        ["deadletters", "show", "0"],
        ["commands", "list", "--state", "done"],
        ["lane", "resume", "contacts"],
        ["lane", "resume", "contacts", "3", "--all"],
        ["publish"],
        ["publish", "demo.requested"],
        ["publish", "demo.requested", "crm-1", "-f", "no equals sign"],
        ["publish", "demo.requested", "crm-1", "--data", "[1]"],
        ["publish", "demo.requested", "crm-1", "--data", "{"],
        ["publish", "demo.requested", "crm-1", "--file", "x"],
        ["lag", "--nonsense"],
        ["contact", "timers", "--limit", "0"],
        ["dev", "--kafka-port", "70000"],
    ],
    ids=" ".join,
)
def test_wrong_use_exits_2(args: list[str]) -> None:
    answer = CliRunner().invoke(app, args)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert answer.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["migrate"],
        ["lag"],
        ["tail"],
        ["publish", "demo.requested", "c", "-f", "product_id=a"],
        ["contact", "show", "crm-1"],
        ["contact", "timers"],
        ["contact", "timers", "crm-1"],
        ["deadletters", "list"],
        ["topics", "check"],
    ],
    ids=" ".join,
)
def test_nothing_to_reach_exits_1_and_says_so_in_words(args: list[str]) -> None:
    answer = funnel(*args, environment=NOWHERE)
    assert answer.returncode == 1
    assert "Is the stack running" in answer.stderr
    assert "Kafka" in answer.stderr or "PostgreSQL" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert "s3cret" not in answer.stderr


def test_wrong_settings_exit_1_and_are_all_listed() -> None:
    wrong = {"FUNNEL_KAFKA__BOOTSTRAP": "x", "FUNNEL_HTTP__PORT": "many"}
    answer = funnel("check-config", environment=wrong)
    assert answer.returncode == 1
    assert all(name in answer.stderr for name in wrong)
    assert "Traceback" not in answer.stderr


def test_wrong_failpoint_is_an_error_in_words() -> None:
    answer = funnel("worker", environment={**NOWHERE, "FUNNEL_FAILPOINTS": "nowhere=kill"})
    assert answer.returncode == 1
    assert "FUNNEL_FAILPOINTS" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_check_config_masks_the_password() -> None:
    answer = funnel("check-config", "--json", environment=NOWHERE)
    shown = json.loads(answer.stdout)
    assert shown["FUNNEL_DATABASE__URL"] == "postgresql://u:***@127.0.0.1:1/d"
    assert shown["FUNNEL_KAFKA__BOOTSTRAP_SERVERS"] == "127.0.0.1:1"
    assert "s3cret" not in answer.stdout + answer.stderr


def test_check_config_is_a_table_for_people() -> None:
    answer = funnel("check-config", environment=NOWHERE)
    assert answer.returncode == 0
    assert "FUNNEL_LANE__QUEUE_BATCHES" in answer.stdout
    assert "s3cret" not in answer.stdout


def test_dry_run_needs_no_kafka_and_takes_what_is_sound() -> None:
    answer = funnel(
        "publish", "demo.requested", "crm-1", "-f", "product_id=a", "--dry-run", environment=NOWHERE
    )
    assert (answer.returncode, answer.stdout) == (0, "checked 1, refused 0\n")


def test_dry_run_of_a_file_names_each_wrong_line(tmp_path: Path) -> None:
    sound = {
        "specversion": "1.0",
        "id": "1",
        "source": "/s",
        "type": "demo.requested",
        "subject": "c",
        "data": {"product_id": "a"},
    }
    lines = [sound, sound | {"type": "fax.received"}, sound | {"data": {}}]
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join(map(json.dumps, lines)))
    answer = funnel("publish", "--file", str(file), "--dry-run", "--json", environment=NOWHERE)
    assert answer.returncode == 1
    assert json.loads(answer.stdout) == {"checked": 1, "refused": 2}
    assert "row 2 refused: unknown_type" in answer.stderr
    assert "row 3 refused: schema_violation" in answer.stderr


def test_line_that_is_no_json_is_named() -> None:
    answer = funnel("publish", "--file", "-", "--dry-run", environment=NOWHERE, text="\n{\n")
    assert answer.returncode == 1
    assert "row 2 refused: is no JSON" in answer.stderr
