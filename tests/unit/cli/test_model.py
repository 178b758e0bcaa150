"""`funnel model` as people and scripts meet it."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.test_command import funnel

OURS = "name: ours\nversion: 1\nextends: b2b-default@1\nknobs:\n  budget_gate: wait\n"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "ours@1.yaml").write_text(OURS)
    return {"FUNNEL_MODELS_DIR": str(tmp_path), "FUNNEL_MODEL": "ours@1"}


def test_the_list_has_shipped_and_own_models_and_the_one_in_force(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "bad@1.yaml").write_text("name: bad\nversion: 1\nextends: b2b-default@9\n")
    answer = funnel("model", "list", "--json", environment=environment)
    assert answer.returncode == 0
    rows = {row["model"]: row for row in json.loads(answer.stdout)}
    assert [name for name, row in rows.items() if row["is_in_force"]] == ["ours@1"]
    assert (rows["ours@1"]["is_own"], rows["b2b-default@1"]["is_own"]) == (True, False)
    assert rows["ours@1"]["content_hash"] != rows["b2b-default@1"]["content_hash"]
    assert "bad@1.yaml:3: there is no model 'b2b-default@9'" in rows["bad@1"]["error"]


def test_lint_of_a_good_model_says_so_and_exits_0(environment: dict[str, str]) -> None:
    answer = funnel("model", "lint", environment=environment)
    assert (answer.returncode, answer.stdout) == (0, "")
    assert answer.stderr == "ours@1: nothing to mend\n"


def test_lint_names_file_line_and_mend_and_exits_1(tmp_path: Path) -> None:
    file = tmp_path / "ours@1.yaml"
    file.write_text(OURS + "stages:\n  lead:\n    pipeline: true\n")
    answer = funnel("model", "lint", str(file))
    assert answer.returncode == 1
    assert answer.stdout.startswith(f"{file}:7: stages.lead: a lead is not ready for sales")
    told = json.loads(funnel("model", "lint", str(file), "--json").stdout)
    assert [each["rule"] for each in told["findings"]] == ["idea 3"]


def test_lint_of_a_model_that_does_not_compile_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "ours@1.yaml"
    file.write_text(OURS.replace("wait", "waits"))
    answer = funnel("model", "lint", str(file))
    assert answer.returncode == 1
    assert answer.stdout == (
        f"{file}:5: knobs.budget_gate: 'waits' is no value of this knob; did you mean `wait`?\n"
    )


def test_diff_tells_in_words_what_another_model_says(environment: dict[str, str]) -> None:
    answer = funnel("model", "diff", "b2b-default@1", "ours@1", environment=environment)
    assert (answer.returncode, answer.stdout) == (
        0,
        "knob budget_gate changed from pass to wait\n",
    )
    same = funnel("model", "diff", "ours@1", "ours@1", environment=environment)
    assert (same.returncode, same.stdout, same.stderr) == (0, "", "they say the same\n")


def test_the_drawing_and_the_glossary_are_of_the_model_in_force(
    environment: dict[str, str],
) -> None:
    drawing = funnel("model", "draw", environment=environment)
    assert drawing.stdout.startswith("stateDiagram-v2\n    %% ours@1: ")
    glossary = json.loads(funnel("model", "glossary", "--json", environment=environment).stdout)
    assert glossary["model"] == "ours@1"
    assert {"stages", "transitions", "words"} < glossary.keys()
    told = funnel("model", "glossary", environment=environment).stdout
    assert "Knows us and showed interest" in told
    assert "person, user, profile" in told


def test_an_unknown_model_is_told_which_there_are() -> None:
    answer = funnel("model", "draw", "nonsense@1")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "there is no model 'nonsense@1'; use one of" in answer.stderr
