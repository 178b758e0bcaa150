"""A short `make chaos`: real workers, killed, stopped and cut off, lose and repeat nothing."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.failure.run import Scale, run_chaos

SHORT = Scale(
    interactions=10_000,
    contacts=1_500,
    seconds=30.0,
    faults={"kill": 4, "zombie": 1, "restart": 1, "postgres": 1},
    drain_seconds=60.0,
)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """Its own stack is killed here, so the shared one is not used; other accounts can reach it."""
    directory = Path(tempfile.mkdtemp(prefix="funnel-chaos-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.mark.timeout(240)
@pytest.mark.stack
async def test_nothing_is_lost_or_repeated_under_fire(scratch: Path) -> None:
    outcome = await run_chaos(1, SHORT, scratch)
    assert outcome.report.violations[:10] == []
    assert outcome.is_settled
    assert outcome.tally["kills"] >= SHORT.faults["kill"]
    assert outcome.tally["zombies"] >= SHORT.faults["zombie"]
    assert outcome.report.facts["records_in"] >= SHORT.interactions
    assert outcome.report.facts["standing_transitions"] > SHORT.contacts
