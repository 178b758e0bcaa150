"""POST /v1/models/{m}/simulate: a job that is asked after."""

import asyncio
from typing import NoReturn

import pytest

from app import bootstrap_ui
from tests.unit.api.asking import api, bearer


async def test_a_simulation_is_a_job_with_an_address() -> None:
    async with api(headers=bearer("everything")) as client:
        started = await client.post("/v1/models/strict@1/simulate")
        assert started.status_code == 202, started.text
        assert (started.json()["model"], started.json()["state"]) == ("strict@1", "running")
        found = await client.get(started.headers["location"])
        assert found.json()["simulation_id"] == started.json()["simulation_id"]


async def test_a_second_one_waits_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async def for_ever(*_: object, **__: object) -> NoReturn:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    monkeypatch.setattr(bootstrap_ui, "simulate", for_ever)
    async with api(headers=bearer("everything")) as client:
        await client.post("/v1/models/strict@1/simulate")
        busy = await client.post("/v1/models/strict@1/simulate")
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "10")


async def test_what_is_not_there_is_not_found_and_not_for_everybody() -> None:
    async with api(headers=bearer("everything")) as client:
        assert (await client.post("/v1/models/nothing/simulate")).status_code == 404
        assert (await client.get("/v1/simulations/none")).status_code == 404
        denied = await client.post("/v1/models/strict@1/simulate", headers=bearer("reader"))
    assert denied.status_code == 403
