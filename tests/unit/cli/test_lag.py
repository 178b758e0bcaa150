"""`funnel lag`: what it says in a line, and that watching goes on."""

from typing import Any

import pytest

from app.cli import lag
from app.cli.lag import PartitionLag
from app.errors import Unavailable
from app.settings import Settings


def partition(number: int, lag_: int, owner: str | None) -> PartitionLag:
    return PartitionLag("funnel.commands.v1", number, 9, 9 - lag_, 9, lag_, 0, owner)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the next looks find; after the last Ctrl-C comes."""
    found: list[Any] = []

    async def read_lag(_: Settings) -> list[PartitionLag]:
        if not found:
            raise KeyboardInterrupt
        seen = found.pop(0)
        if isinstance(seen, Exception):
            raise seen
        return list(seen)

    monkeypatch.setattr(lag, "read_lag", read_lag)
    return found


async def watch(as_json: bool = False) -> None:
    with pytest.raises(KeyboardInterrupt):
        await lag._watch(Settings(), 0.0, as_json)


async def test_a_line_says_what_waits_and_what_nobody_works_on(
    looks: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    looks.append([partition(0, 1234, "funnel-a"), partition(1, 0, None)])
    await watch()
    said = capsys.readouterr().out
    assert said.endswith(" 1,234 behind (0 not applied), 1 of 2 partitions are nobody's\n")


async def test_watching_goes_on_where_a_look_fails(
    looks: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    looks += [Unavailable("Kafka at k:9092: away"), [partition(0, 0, "funnel-a")]]
    await watch()
    said = capsys.readouterr()
    assert "Kafka at k:9092: away" in said.err
    assert said.out.endswith(" 0 behind (0 not applied)\n")


async def test_for_machines_each_look_is_a_line_of_json(
    looks: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    looks += [[partition(0, 2, "funnel-a")], [partition(0, 0, "funnel-a")]]
    await watch(as_json=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.startswith(f'{{"lag":{n},') for line, n in zip(lines, (2, 0), strict=True)]
