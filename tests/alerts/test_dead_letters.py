"""FunnelDeadLetters, and FunnelNotReady of a partition that was halted for them."""

from pathlib import Path

from app.domain.reasons import Reason
from tests.alerts.conftest import Shop, contact_on
from tests.alerts.prometheus import prometheus
from tests.alerts.runbook import Runbook
from tests.security.test_service import Installation

PAGE = Runbook("dead-letters")
WRONG_RELEASE = {
    "FUNNEL_LIMITS__VALUE_MAX_BYTES": "100",
    "FUNNEL_DEAD_LETTERS__STOP_AFTER_CONSECUTIVE": "15",
}
HALTED_AFTER = 15
PARTITION = 4


async def test_a_release_with_a_wrong_limit_is_mended_and_all_is_sent_again(
    installation: Installation, shop: Shop, home: Path
) -> None:
    contacts = [contact_on(PARTITION) for _ in range(25)]
    async with prometheus(home) as watching:
        async with installation.start("worker", **WRONG_RELEASE) as wrong:
            watching.watch(wrong.url)
            await watching.until_quiet()
            for contact in contacts:  # one burst, after which nothing more comes
                await shop.signs_up(contact)
            await watching.until_fires("FunnelDeadLetters", reason=Reason.TOO_LARGE)
            await watching.until_fires("FunnelNotReady", instance=wrong.url[7:])
            assert Reason.TOO_LARGE in await run(installation, "funnel deadletters list")
            assert "too_large" in PAGE.command("too_large")
            assert "dead letters in a row" in await run(installation, "funnel lane list")
        async with installation.start("worker", False) as mended:
            watching.watch(mended.url)
            await watching.until_fires("FunnelNotReady", instance=mended.url[7:])
            Runbook("not-ready").says("A halted partition: [dead-letters](dead-letters.md)")
            given = {"LANE": "contacts", "PARTITION": str(PARTITION)}
            await run(installation, "funnel lane resume", **given)
            await watching.until_ends("FunnelNotReady")
            for how in ("--dry-run", "--yes"):
                told = await run(
                    installation,
                    f"funnel deadletters redrive --reason REASON {how}",
                    REASON=Reason.TOO_LARGE,
                )
                assert int(told.split()[0]) >= HALTED_AFTER
            for contact in contacts[:1] + contacts[-1:]:
                assert await installation.became(contact) == "lead"
            await watching.until_ends("FunnelDeadLetters")
            await watching.until_quiet()


async def run(installation: Installation, command: str, **filled_in: str) -> str:
    """A command of the page, as an operator with the rights of the API."""
    _, *arguments = PAGE.command(command, **filled_in).split()
    return await installation.run(*arguments, kafka="funnel-api")
