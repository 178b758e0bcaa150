"""FunnelRebalanceLoop: a worker that is restarted again and again."""

from pathlib import Path

from tests.alerts.conftest import again_and_again
from tests.alerts.prometheus import prometheus
from tests.alerts.runbook import Runbook
from tests.security.test_service import Installation

PAGE = Runbook("rebalance-loop")
FACTOR = 10
"""The threshold is a number of rebalances in ten minutes, which are a minute here."""
PATIENCE_SECONDS = 150.0


async def test_a_worker_that_is_restarted_again_and_again(
    installation: Installation, home: Path
) -> None:
    async with (
        installation.start("worker") as steady,
        prometheus(home, [steady.url], factor=FACTOR) as watching,
    ):
        await watching.until_quiet()
        async with again_and_again(lambda: lives_briefly(installation), 0.0):
            await watching.until_fires("FunnelRebalanceLoop", PATIENCE_SECONDS)
            PAGE.says("stop the worker that is restarted")
        await watching.until_ends("FunnelRebalanceLoop", PATIENCE_SECONDS)
        await watching.until_quiet()


async def lives_briefly(installation: Installation) -> None:
    """As one does that gets ready and then meets its memory limit."""
    async with installation.start("worker"):
        return
