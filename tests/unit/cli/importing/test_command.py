"""`funnel publish FILE` without anything to reach: what it checks, says and leaves behind."""

import csv
import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from app.contract.files import SCHEMAS
from tests.unit.cli.test_command import NOWHERE, funnel

EXAMPLES = SCHEMAS / "examples" / "imports"


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    for name in ("scans.csv", "scans.yaml"):
        shutil.copy(EXAMPLES / name, tmp_path)
    return tmp_path / "scans.csv"


def publish(file: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return funnel("publish", str(file), *args, environment=NOWHERE)


def by_mapping(scans: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return publish(scans, "--mapping", str(scans.with_suffix(".yaml")), *args)


def refused(errors: Path) -> list[dict[str, str]]:
    with errors.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_dry_run_names_each_wrong_row_and_keeps_no_state(scans: Path) -> None:
    answer = by_mapping(scans, "--dry-run")
    assert answer.returncode == 1
    first, counts = answer.stdout.splitlines()
    assert json.loads(first.removeprefix("the first becomes "))["type"] == "demo.requested"
    assert counts == "checked 19, refused 2"
    assert "row 14 refused: column Talked: must be yes or no" in answer.stderr
    assert "row 17 refused: column E-mail: is empty, and says the subject" in answer.stderr
    assert not scans.with_name("scans.state.json").exists()


def test_refused_rows_can_be_mended_and_published(scans: Path) -> None:
    by_mapping(scans, "--dry-run")
    errors = scans.with_name("scans.errors.csv")
    assert stat.S_IMODE(errors.stat().st_mode) == 0o600
    rows = refused(errors)
    assert [row["row"] for row in rows] == ["14", "17"]
    assert rows[0]["Badge"] == "4111"
    mended = (
        errors.read_text().replace("perhaps", "no").replace("Nobody,", "Nobody,nobody@x.example")
    )
    errors.write_text(mended)
    answer = publish(errors, "--mapping", str(scans.with_suffix(".yaml")), "--dry-run")
    assert (answer.returncode, answer.stdout.splitlines()[-1]) == (0, "checked 2, refused 0")
    assert not errors.with_name("scans.errors.errors.csv").exists()


def test_the_same_check_again_leaves_the_same_errors(scans: Path) -> None:
    by_mapping(scans, "--dry-run")
    before = refused(scans.with_name("scans.errors.csv"))
    by_mapping(scans, "--dry-run")
    assert refused(scans.with_name("scans.errors.csv")) == before


def test_options_are_enough_where_the_table_is_plain(tmp_path: Path) -> None:
    file = tmp_path / "demos.tsv"
    file.write_text("Key\tProduct\ncrm-1\tanalytics\ncrm-2\t\n")
    answer = publish(
        *(file, "-m", "subject=Key", "-m", "data.product_id=Product"),
        *("--set", "type=demo.requested", "--backfill", "--dry-run"),
    )
    first, counts = answer.stdout.splitlines()
    event = json.loads(first.removeprefix("the first becomes "))
    assert (event["subject"], event["ingestmode"]) == ("crm-1", "backfill")
    assert event["source"] == "/funnel/import"
    assert counts == "checked 1, refused 1"
    assert "row 3 refused: schema_violation: /data: product_id is required" in answer.stderr


def test_a_table_with_the_right_names_needs_no_option(tmp_path: Path) -> None:
    file = tmp_path / "demos.csv"
    file.write_text("subject,type,data.product_id,Remark\ncrm-1,demo.requested,analytics,x\n")
    answer = publish(file, "--dry-run", "--json")
    assert (answer.returncode, json.loads(answer.stdout)) == (0, {"checked": 1, "refused": 0})


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "nothing says the type and the subject of a row"),
        (["-m", "subject=Key", "--set", "type=a"], "has no column 'Key'; it has Badge,"),
        (["-m", "email=E-mail"], "there is no attribute 'email': write data.email, or one of id"),
        (["--mapping", "none.yaml"], "can't read none.yaml"),
    ],
)  # fmt: skip
def test_a_wrong_plan_is_told_before_anything_is_sent(
    scans: Path, args: list[str], told: str
) -> None:
    answer = publish(scans, *args)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert told in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    "args", [["-m", "subject"], ["crm-1", "extra"], ["--id", "x"], ["--delimiter", ";;"]], ids=str
)
def test_wrong_use_of_a_file_exits_2(scans: Path, args: list[str]) -> None:
    assert publish(scans, *args).returncode == 2


def test_a_file_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    answer = publish(tmp_path / "none.csv")
    assert answer.returncode == 1
    assert "can't read" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_where_kafka_is_away_it_says_how_to_go_on(scans: Path) -> None:
    answer = by_mapping(scans)
    assert answer.returncode == 1
    assert "run the same again: it goes on after what Kafka has" in answer.stderr


def test_a_state_that_is_something_else_is_not_overwritten(scans: Path) -> None:
    state = scans.with_name("scans.state.json")
    state.write_text("my notes")
    answer = by_mapping(scans)
    assert answer.returncode == 1
    assert "can't be read as the state of an import" in answer.stderr
    assert state.read_text() == "my notes"


def test_what_comes_by_a_pipe_is_checked_line_by_line(tmp_path: Path) -> None:
    sound = {"id": "1", "source": "/s", "type": "demo.requested", "subject": "c"}
    text = "\n".join([json.dumps({**sound, "data": {"product_id": "a"}}), "{", json.dumps(sound)])
    answer = funnel("publish", "--file", "-", "--dry-run", "--json", environment=NOWHERE, text=text)
    assert json.loads(answer.stdout) == {"checked": 1, "refused": 2}
    assert "row 2 refused: is no JSON" in answer.stderr
    assert "row 3 refused: schema_violation" in answer.stderr
