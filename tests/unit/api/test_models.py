from pathlib import Path

import pytest

from app.models import names
from tests.unit.api.asking import api, bearer, settings

OURS = "name: ours\nversion: 1\nextends: b2b-default@1\nknobs:\n  budget_gate: wait\n"
WRONG = "name: wrong\nversion: 1\nextends: b2b-default@1\nknobs:\n  icp_unknown: wait\n"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "ours@1.yaml").write_text(OURS)
    (tmp_path / "wrong@1.yaml").write_text(WRONG)
    return tmp_path


async def test_models_are_listed_shipped_and_own(directory: Path) -> None:
    found = settings().model_copy(update={"models_dir": directory})
    async with api(found, bearer("reader")) as client:
        rows = {row["model"]: row for row in (await client.get("/v1/models")).json()["items"]}
        again = (await client.get("/v1/models")).json()["items"]
    assert list(rows) == names(directory)
    assert list(rows.values()) == again
    assert rows["b2b-default@1"]["is_in_force"]
    assert (rows["ours@1"]["is_own"], rows["ours@1"]["is_in_force"]) == (True, False)
    assert rows["ours@1"]["content_hash"] != rows["b2b-default@1"]["content_hash"]
    assert rows["wrong@1"]["title"] is None
    assert "wrong@1.yaml:5" in rows["wrong@1"]["error"]
    assert str(directory) not in rows["wrong@1"]["error"]


@pytest.mark.parametrize(
    ("model", "rules"), [("b2b-default@1", []), ("ours@1", None), ("wrong@1", ["refused"])]
)
async def test_a_model_is_linted(directory: Path, model: str, rules: list[str] | None) -> None:
    found = settings().model_copy(update={"models_dir": directory})
    async with api(found, bearer("everything")) as client:
        answer = await client.post(f"/v1/models/{model}/lint")
    assert answer.status_code == 200
    told = answer.json()
    assert told["model"] == model
    if rules is not None:
        assert [each["rule"] for each in told["findings"]] == rules
    assert str(directory) not in answer.text
