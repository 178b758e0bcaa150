"""How far an import got is kept once Kafka has it, never before; and errors follow it."""

import asyncio
import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.cli.importing import run as module
from app.cli.importing.errors_file import ErrorsFile
from app.cli.importing.events import with_id
from app.cli.importing.rows import Place, Row
from app.cli.importing.run import Checks, Import, pace_of
from app.cli.importing.standing import Standing, read_standing, write_standing
from app.cli.sending import Sender
from app.cli.tenant_types import TenantTypes
from app.errors import FunnelError, Unavailable
from app.settings import load

COLUMNS = ["n"]
FRESH = Standing("file", "mapping")


class Broker(Sender):
    """Takes so many records; confirms what it took, until it goes away."""

    def __init__(self, room: int = 1000) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self._room = room

    async def send_event(self, event: Mapping[str, Any], *, topic: str | None = None) -> None:
        self.sent.append(event)

    async def confirm(self) -> None:
        if len(self.sent) > self._room:
            raise Unavailable("away")


def rows(*numbers: int) -> list[Row]:
    return [Row(Place(n * 10, n), [str(n)], {"n": n}) for n in numbers]


def refusal(event: Mapping[str, Any]) -> str | None:
    return "is odd" if event["n"] % 2 else None


@pytest.fixture
def errors(tmp_path: Path) -> ErrorsFile:
    return ErrorsFile(tmp_path / "errors.csv", COLUMNS)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def made(errors: ErrorsFile, standing: Standing, state: Path | None) -> Import:
    checks = Checks(TenantTypes(load({}), None), refusal, lambda _: "topic")
    return Import(lambda cells: with_id(cells), checks, errors, standing, state)


async def send(run: Import, sent: list[Row], to: Broker) -> None:
    await run.send(iter(sent), to, pace_of(None), lambda _: None)


def refused(errors: ErrorsFile) -> list[str]:
    assert errors.path is not None
    with errors.path.open(newline="") as file:
        return [row["row"] for row in csv.DictReader(file)]


@pytest.fixture(autouse=True)
def _saved_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVED_EVERY_ROWS", 4)


async def test_what_is_through_is_complete(errors: ErrorsFile, state: Path) -> None:
    run, to = made(errors, FRESH, state), Broker()
    await send(run, rows(2, 3, 4), to)
    kept = read_standing(state)
    assert kept is not None
    assert (kept.is_complete, kept.sent, kept.refused) == (True, 2, 1)
    assert kept.place == Place(40, 4)
    assert refused(errors) == ["3"]


async def test_what_kafka_does_not_have_is_not_kept(errors: ErrorsFile, state: Path) -> None:
    with pytest.raises(Unavailable):
        await send(made(errors, FRESH, state), rows(*range(2, 20)), Broker(room=3))
    kept = read_standing(state)
    assert kept is not None
    assert (kept.place, kept.sent, kept.refused) == (Place(50, 5), 2, 2)
    assert refused(errors) == ["3", "5", "7", "9"]

    again, to = ErrorsFile(errors.path, COLUMNS), Broker()
    again.cut(kept.errors_bytes)
    assert refused(again) == ["3", "5"]
    await send(made(again, kept, state), rows(*range(6, 20)), to)
    assert [event["n"] for event in to.sent] == list(range(6, 20, 2))
    assert refused(again) == [str(n) for n in range(3, 20, 2)]


async def test_what_comes_by_a_pipe_is_counted_only() -> None:
    run = made(ErrorsFile(None, None), FRESH, None)
    await send(run, rows(2, 3), Broker())
    assert (run.standing.sent, run.standing.refused) == (1, 1)


async def test_only_the_first_refusals_are_told(
    errors: ErrorsFile, capsys: pytest.CaptureFixture[str]
) -> None:
    run = made(errors, FRESH, None)
    await run.check(iter(rows(*range(1, 60, 2))), lambda _: None)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == module.TOLD_MAX + 1
    assert told[-1] == f"more are refused: see {errors.path}"
    assert len(refused(errors)) == 30


async def test_a_pace_is_kept_and_a_pause_caught_up_with_for_a_second() -> None:
    now, slept = 0.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    pace = pace_of(4, lambda: now, sleep)
    for _ in range(3):
        await pace()
    now = 9.0
    for _ in range(7):
        await pace()
    assert slept == [0.25] * 4


def test_errors_of_lines_are_lines(tmp_path: Path) -> None:
    errors = ErrorsFile(tmp_path / "errors.ndjson", None)
    errors.add(Row(Place(9, 1), ["{"], None, "is no JSON"), "is no JSON")
    errors.add(Row(Place(20, 2), ['{"a": 1}'], {"a": 1}), "no")
    assert errors.path is not None
    assert errors.path.read_text() == (
        '{"row": 1, "reason": "is no JSON", "original": "{"}\n'
        '{"row": 2, "reason": "no", "original": {"a": 1}}\n'
    )


def test_a_place_that_can_not_be_written_is_told_with_the_option(tmp_path: Path) -> None:
    away = tmp_path / "none" / "file"
    with pytest.raises(FunnelError, match="--errors FILE"):
        ErrorsFile(away, None).add(rows(1)[0], "no")
    with pytest.raises(FunnelError, match="--state FILE"):
        write_standing(away, FRESH)


async def test_a_stop_in_between_leaves_the_last_place(errors: ErrorsFile, state: Path) -> None:
    stuck = asyncio.Event()

    class Stuck(Broker):
        async def send_event(self, event: Mapping[str, Any], *, topic: str | None = None) -> None:
            await super().send_event(event)
            if event["n"] == 10:
                stuck.set()
                await asyncio.Event().wait()

    sending = asyncio.create_task(send(made(errors, FRESH, state), rows(*range(2, 20)), Stuck()))
    await stuck.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    kept = read_standing(state)
    assert kept is not None
    assert (kept.place.row, kept.is_complete) == (9, False)
