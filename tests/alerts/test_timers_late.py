"""FunnelTimersLate: contacts with an old history come in, one after the other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.alerts.conftest import Shop, again_and_again, contact_on
from tests.alerts.prometheus import prometheus
from tests.alerts.runbook import Runbook
from tests.security.test_service import Installation, signed_up

PAGE = Runbook("timers-late")


async def test_a_wave_of_old_contacts_ends_by_itself(
    installation: Installation, shop: Shop, home: Path
) -> None:
    async with installation.start("worker") as worker, prometheus(home, [worker.url]) as watching:
        await watching.until_quiet()
        async with again_and_again(lambda: old_contact(shop), 0.2):
            await watching.until_fires("FunnelTimersLate")
            assert "funnel contact timers" in PAGE.command("funnel contact timers")
            await installation.run("contact", "timers", kafka="funnel-api")
            PAGE.says("A wave ends by itself; look whether `due` falls.")
        await watching.until_ends("FunnelTimersLate")
        assert await watching.values("sum(funnel_timers_due)") == [({}, 0.0)]
        await watching.until_quiet()


async def old_contact(shop: Shop) -> None:
    """Of four hundred days ago, not marked as backfill: what was due since is due now."""
    time = (datetime.now(UTC) - timedelta(days=400)).isoformat()
    event = signed_up(contact_on(8))
    await shop.sends(str(event["subject"]), str(event["type"]), event["data"], time=time)
