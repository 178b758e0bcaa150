"""`funnel api` as a process: it starts with nothing there, says what is wrong, ends politely."""

import json
import os
import signal
import subprocess

import pytest

from tests.unit.api.asking import TOKENS
from tests.unit.cli.test_command import FUNNEL, NOWHERE, funnel


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("TOKENS", '[{"name": "crm"}]', "FUNNEL_API__TOKENS"),
        ("ACCESS", "open", "loopback"),
        ("JWT_ISSUER", "https://id.example", "jwt_jwks_url"),
        ("PORT", "70000", "FUNNEL_API__PORT"),
    ],
)
def test_a_wrong_setting_is_told_in_words(setting: str, value: str, says: str) -> None:
    given = {**NOWHERE, "FUNNEL_API__HOST": "0.0.0.0", f"FUNNEL_API__{setting}": value}
    answer = funnel("api", environment=given)
    assert answer.returncode == 1
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr


def test_check_config_shows_no_token() -> None:
    answer = funnel("check-config", "--json", environment={**NOWHERE, "FUNNEL_API__TOKENS": TOKENS})
    assert json.loads(answer.stdout)["FUNNEL_API__TOKENS"] == "***"


def test_it_starts_with_nothing_there_and_ends_when_told() -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FUNNEL_")}
    process = subprocess.Popen(
        [*FUNNEL, "api", "--http-port", "0"],
        env={**clean, **NOWHERE},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = json.loads(process.stderr.readline())
    assert said["event"] == "api listens"
    assert said["url"].startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    told = [json.loads(line) for line in process.stderr.read().splitlines()]
    waits = [each for each in told if each["logger"] != "aiokafka"]
    assert {each["event"] for each in waits} <= {"the live view waits"}
    process.stderr.close()
