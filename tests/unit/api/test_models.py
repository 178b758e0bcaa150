"""Models are listed, linted and uploaded: what is wrong is told with its line and its field."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.model_shapes import MODEL_EXAMPLE, MODEL_MAX_BYTES
from app.api.model_upload import DETAIL_MAX_CHARS, MOVES_MAX, STAGES_MAX
from app.models import content_hash, load_definition, names
from tests.unit.api.asking import Noted, api, bearer, settings, writing
from tests.unit.api.library import Models

OURS = "name: ours\nversion: 1\nextends: b2b-default@1\nknobs:\n  budget_gate: wait\n"
WRONG = "name: wrong\nversion: 1\nextends: b2b-default@1\nknobs:\n  icp_unknown: wait\n"
YAML = {"content-type": "application/yaml"}
ACME = bearer("rules-of-acme")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "ours@1.yaml").write_text(OURS)
    (tmp_path / "wrong@1.yaml").write_text(WRONG)
    return tmp_path


@asynccontextmanager
async def library(
    directory: Path | None = None, models_max: int = 3
) -> AsyncIterator[httpx.AsyncClient]:
    log = Noted()
    async with writing(
        log=log, also=lambda commands: Models(commands, log, directory, models_max).parts
    ) as (client, _):
        yield client


async def uploaded(client: httpx.AsyncClient, text: str, **headers: str) -> httpx.Response:
    return await client.post("/v1/models", content=text, headers={**YAML, **headers})


async def listed(client: httpx.AsyncClient, **headers: str) -> dict[str, Any]:
    answer = await client.get("/v1/models", headers=headers)
    return {row["model"]: row for row in answer.json()["items"]}


async def test_models_are_listed_shipped_and_own(directory: Path) -> None:
    async with library(directory) as client:
        rows, again = await listed(client), await listed(client)
    assert list(rows) == names(directory)
    assert rows == again
    assert rows["b2b-default@1"]["is_in_force"]
    assert (rows["ours@1"]["is_own"], rows["ours@1"]["is_in_force"]) == (True, False)
    assert rows["ours@1"]["content_hash"] != rows["b2b-default@1"]["content_hash"]
    assert rows["wrong@1"]["title"] is None
    assert "wrong@1.yaml:5" in rows["wrong@1"]["error"]
    assert str(directory) not in rows["wrong@1"]["error"]


@pytest.mark.parametrize(
    ("model", "rules"),
    [("b2b-default@1", []), ("b2b-default%401", []), ("ours@1", None), ("wrong@1", ["refused"])],
)
async def test_a_model_is_linted(directory: Path, model: str, rules: list[str] | None) -> None:
    found = settings().model_copy(update={"models_dir": directory})
    async with api(found, bearer("everything")) as client:
        answer = await client.post(f"/v1/models/{model}/lint")
    assert answer.status_code == 200
    told = answer.json()
    assert told["model"] == model.replace("%40", "@")
    if rules is not None:
        assert [each["rule"] for each in told["findings"]] == rules
    assert str(directory) not in answer.text


async def test_an_uploaded_model_is_complete_listed_and_linted() -> None:
    async with library() as client:
        answer = await uploaded(client, OURS)
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == "/v1/models/ours@1"
        shown = await client.get(answer.headers["location"])
        assert shown.json() == answer.json()
        assert (await listed(client))["ours@1"]["kept_by"] == "everything"
        linted = await client.post("/v1/models/ours@1/lint")
        assert linted.json() == {"model": "ours@1", "findings": []}
        assert (await client.post("/v1/models/ours@1/simulate")).status_code == 202
    told = answer.json()
    assert (told["model"], told["kept_by"]) == ("ours@1", "everything")
    assert told["definition"]["knobs"]["budget_gate"] == "wait"
    assert (
        told["definition"]["stages"].keys() == load_definition("b2b-default@1")[0]["stages"].keys()
    )
    assert told["content_hash"] == content_hash(told["definition"])


async def test_json_is_taken_too_and_is_the_same_model() -> None:
    async with library() as client:
        first = await client.post("/v1/models", json=MODEL_EXAMPLE)
        text = "\n".join(f"{name}: {json.dumps(value)}" for name, value in MODEL_EXAMPLE.items())
        again = await uploaded(client, text)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


async def test_a_version_never_changes() -> None:
    async with library() as client:
        await uploaded(client, OURS)
        again = await uploaded(client, OURS)
        other = await uploaded(client, OURS.replace("wait", "pass"))
        newer = await uploaded(client, OURS.replace("wait", "pass").replace(": 1\n", ": 2\n"))
    assert again.status_code == 200
    assert (other.status_code, other.json()["type"]) == (409, "urn:funnel:problem:version-taken")
    assert "Give what is new the version 2" in other.json()["detail"]
    assert newer.status_code == 201


async def test_a_model_of_the_service_keeps_its_name(directory: Path) -> None:
    shipped = "name: strict\nversion: 1\nextends: b2b-default@1\n"
    async with library(directory) as client:
        taken = await uploaded(client, shipped)
        same = await uploaded(client, OURS)
    assert taken.status_code == 409
    assert "give yours another name" in taken.json()["detail"]
    assert (same.status_code, same.json()["kept_by"]) == (200, None)


async def test_a_tenant_has_its_own_models_and_names() -> None:
    async with library() as client:
        await uploaded(client, OURS)
        assert (await client.get("/v1/models/ours@1", headers=ACME)).status_code == 404
        assert "ours@1" not in await listed(client, **ACME)
        theirs = await uploaded(client, OURS.replace("wait", "pass"), **ACME)
        assert (theirs.status_code, theirs.json()["kept_by"]) == (201, "rules-of-acme")
        mine = (await client.get("/v1/models/ours@1")).json()
    assert mine["definition"]["knobs"]["budget_gate"] == "wait"


async def test_an_uploaded_model_can_be_extended_in_its_tenant() -> None:
    further = "name: further\nversion: 1\nextends: ours@1\nterms:\n  intent_active: 30 d\n"
    async with library() as client:
        await uploaded(client, OURS)
        made = await uploaded(client, further)
        unknown = await uploaded(client, further, **ACME)
    assert made.json()["definition"]["knobs"]["budget_gate"] == "wait"
    assert made.json()["definition"]["terms"]["intent_active"] == "30 d"
    assert unknown.status_code == 422
    (error,) = unknown.json()["errors"]
    assert error["field"] == "/extends"
    assert error["detail"].startswith("model.yaml:3: there is no model 'ours@1'; use one of")


async def test_a_tenant_has_so_many() -> None:
    async with library(models_max=1) as client:
        await uploaded(client, OURS)
        assert (await uploaded(client, OURS)).status_code == 200
        full = await uploaded(client, OURS.replace("ours", "more"))
    assert (full.status_code, full.json()["type"]) == (409, "urn:funnel:problem:too-many-models")


STAGE = "{definition: x, kind: inventory, owner: sales}"
LONG = "x" * 3000


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        (WRONG, "/knobs/icp_unknown", "model.yaml:5: knobs.icp_unknown: 'wait' is no value"),
        (
            OURS + "timer: {}\n",
            "/timer",
            "model.yaml:6: timer: unknown key; did you mean `timers`?",
        ),
        ("name: [\n", "", "model.yaml:2: "),
        ("- a\n", "", "model.yaml:1: a model is a mapping"),
        ("", "", "model.yaml:1: a model is a mapping"),
        ("name: ours\nname: ours\n", "", "model.yaml:2: `name` stands on line 1 too"),
        ("a: &x 1\nb: *x\n", "", "model.yaml:2: an alias"),
        (OURS.replace("b2b-default@1", "nothing@1"), "/extends", "there is no model 'nothing@1'"),
        (OURS.replace("name: ours", "name: a/b"), "/name", "name: this can't be a name"),
        (OURS.replace("version: 1", "version: 1.5"), "/version", "a version counts from 1"),
        (OURS.replace("version: 1", "version: 0"), "/version", "a version counts from 1"),
        (OURS.replace("name: ours\n", ""), "", "model.yaml:1: model: `name` is missing; add"),
        (OURS.replace("version: 1\n", ""), "", "model.yaml:1: model: `version` is missing; add"),
        (f"{OURS}stages:\n  limbo: {STAGE}\n", "/stages/limbo", "no transition leads here"),
        (f"{OURS}title: [{LONG}]\n", "/title", "expected a text"),
        ("name: x\nversion: 1\n", "", "stages"),
    ],
)
async def test_a_wrong_model_names_the_line_the_field_and_the_mend(
    text: str, field: str, says: str
) -> None:
    async with library() as client:
        answer = await uploaded(client, text)
        assert set(await listed(client)) == set(names())
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert told["type"] == "urn:funnel:problem:wrong-model"
    assert told["errors"][0]["field"] == field
    assert says in told["errors"][0]["detail"]
    assert told["detail"].startswith(told["errors"][0]["detail"])
    assert len(told["errors"][0]["detail"]) <= DETAIL_MAX_CHARS


async def test_every_finding_of_the_linter_is_told() -> None:
    text = f"{OURS}stages:\n  limbo: {STAGE}\n  nowhere: {STAGE}\n"
    async with library() as client:
        told = (await uploaded(client, text)).json()
    fields = [each["field"] for each in told["errors"]]
    assert {"/stages/limbo", "/stages/nowhere"} <= set(fields)
    assert told["detail"].endswith(f"; and {len(fields) - 1} more")


async def test_a_model_that_would_take_long_is_refused_before_it_is_compiled() -> None:
    stages = "".join(f"  s{n}: {STAGE}\n" for n in range(STAGES_MAX))
    every = ", ".join(f"s{n}" for n in range(STAGES_MAX - 8))
    from_some = "".join(f"  s{n}: {STAGE}\n" for n in range(STAGES_MAX - 8))
    count = MOVES_MAX // (STAGES_MAX - 8) + 1
    moves = "".join(f"  X{n}: {{from: [{every}], to: lead}}\n" for n in range(count))
    async with library() as client:
        many = await uploaded(client, f"{OURS}stages:\n{stages}")
        wide = await uploaded(client, f"{OURS}stages:\n{from_some}transitions:\n{moves}")
        types = "".join(f"  t{n}: {{class: one_way}}\n" for n in range(200))
        typed = await uploaded(client, f"{OURS}interactions:\n{types}")
    assert f"have at most {STAGES_MAX}" in many.json()["detail"]
    assert f"have at most {MOVES_MAX:,} of all transitions" in wide.json()["detail"]
    assert "types; have at most" in typed.json()["detail"]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content-type": "text/plain"}, OURS.encode(), 415),
        (YAML, b"\xff\xfe", 422),
        (YAML, b"#" * (MODEL_MAX_BYTES + 1), 413),
        ({**YAML, **bearer("reader")}, OURS.encode(), 403),
        ({**YAML, **bearer("sales")}, OURS.encode(), 403),
        ({**YAML, "authorization": ""}, OURS.encode(), 401),
    ],
)
async def test_what_is_no_upload_or_not_allowed_is_refused(
    headers: dict[str, str], body: bytes, status: int
) -> None:
    async with library() as client:
        answer = await client.post("/v1/models", content=body, headers=headers)
        assert set(await listed(client)) == set(names())
    assert answer.status_code == status


async def test_where_files_stand_is_not_told(directory: Path) -> None:
    text = "name: mine\nversion: 1\nextends: wrong@1\n"
    async with library(directory) as client:
        answer = await uploaded(client, text)
    assert answer.status_code == 422
    assert str(directory) not in answer.text
    assert answer.json()["errors"][0]["field"] == "/knobs/icp_unknown"
    assert answer.json()["errors"][0]["detail"].startswith("wrong@1.yaml:5: ")
