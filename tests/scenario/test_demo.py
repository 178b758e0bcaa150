"""`funnel demo` and `funnel dev` as a newcomer starts them: processes, files, exit codes."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

FUNNEL = [sys.executable, "-m", "app.cli.main"]
PORTS = ["--kafka-port", "0", "--http-port", "0"]
START_TIMEOUT_SECONDS = 120.0


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """Settings of its own. Not pytest's directory: an account without rights must reach it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FUNNEL_")}
    with tempfile.TemporaryDirectory(prefix="funnel-demo-") as directory:
        Path(directory).chmod(0o755)
        yield {**clean, "FUNNEL_DATA_DIR": directory}


def funnel(environment: dict[str, str], *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*FUNNEL, *args],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=START_TIMEOUT_SECONDS,
    )


def stack_file(environment: dict[str, str]) -> Path:
    return Path(environment["FUNNEL_DATA_DIR"]) / "dev.json"


@contextmanager
def dev(environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A running `funnel dev`, killed at the end if a test left it running."""
    command = [*FUNNEL, "dev", *PORTS]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as running:
        try:
            deadline = time.monotonic() + START_TIMEOUT_SECONDS
            while not stack_file(environment).exists():
                assert running.poll() is None, running.communicate()[1]
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield running
        finally:
            if running.poll() is None:
                running.kill()


SHOWN = (
    " stage          contacts   hot   warm   cold",
    "✓ sent ",
    "poison sent 8, dead letters 8",
    "prospect → opportunity    ",
    "✓ intent_active",
    "petri-glass.example is opportunity; its buying committee is complete",
    "ohlsen-marine.example is prospect; missing: a decision maker",
    "  seq 3  stage_changed        prospect → opportunity    demo.requested",
    "         handoff_requested    prospect → opportunity    demo.requested",
    "  seq 4  stage_revoked        prospect → opportunity    event.retracted",
    "         opportunity_revoked  prospect → opportunity    event.retracted",
    "         handoff_withdrawn    prospect → opportunity    event.retracted",
    "It is prospect now, cold.",
    "hand-off accepted      lead › prospect › opportunity",
    "hand-off rejected      lead › prospect › opportunity › recycled",
    "hand-off withdrawn     lead › prospect › opportunity › disqualified",
    "went quiet             lead › prospect › opportunity › recycled",
    "lost, and came back    … › opportunity › lost › opportunity",
    "bought, wants more     … › opportunity › customer › opportunity",
    "was web-5c1e90d2       lead › prospect",
    "asked to be forgotten  unknown here: nothing is left",
    "✗ not_blocked    budget not_met",
    "$ funnel publish qualification.recorded crm-1006 -f criterion=budget -f value=met",
    "It would then go prospect → opportunity.",
    "contacts would be elsewhere;",
    " would be in lead",
)
"""In this order."""


@pytest.mark.stack
def test_demo_ends_by_itself_and_shows_the_whole_funnel(environment: dict[str, str]) -> None:
    answer = funnel(environment, "demo", "--exit", "--contacts", "80", *PORTS)
    assert answer.returncode == 0, answer.stderr
    at = 0
    for text in SHOWN:
        at = answer.stdout.find(text, at)
        assert at >= 0, f"{text!r} is missing, or out of place, in:\n{answer.stdout}"
    assert not stack_file(environment).exists()


@pytest.mark.stack
def test_dev_serves_other_commands_and_stops_clean(environment: dict[str, str]) -> None:
    with dev(environment) as running:
        where = json.loads(stack_file(environment).read_bytes())
        assert where["pids"]["funnel"] == running.pid
        with urlopen(f"{where['http_url']}/livez") as answer:
            assert answer.status == 200

        assert funnel(environment, "topics", "check").returncode == 0
        assert funnel(environment, "dev", *PORTS).returncode == 1, "a second one is refused"

        sent = funnel(environment, "publish", "demo.requested", "crm-1", "-f", "product_id=a")
        assert sent.returncode == 0, sent.stderr
        told = funnel(environment, "tail", "--from-start", "--json", "-n", "3")
        moves = [json.loads(line)["data"]["to_stage"] for line in told.stdout.splitlines()]
        assert moves == ["lead", "prospect", "opportunity"]

        shown = funnel(environment, "contact", "show", "crm-1", "--json")
        assert json.loads(shown.stdout)["stage"] == "opportunity"
        why = funnel(environment, "contact", "why", "crm-1")
        assert "✓ intent_active" in why.stdout
        assert funnel(environment, "contact", "show", "nobody").returncode == 1
        lag = funnel(environment, "lag", "--json")
        assert json.loads(lag.stdout)["lag"] == 0

        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=30) == 0
    assert not stack_file(environment).exists()


@pytest.mark.parametrize("option", ["--http-port", "--kafka-port"])
def test_taken_port_is_named_before_anything_starts(
    option: str, environment: dict[str, str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answer = funnel(environment, "dev", *PORTS, option, port)
    assert answer.returncode == 1
    assert f"port {port} on 127.0.0.1" in answer.stderr
    assert "is taken" in answer.stderr
    assert "Traceback" not in answer.stderr
