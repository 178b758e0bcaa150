"""FunnelOutboxOld: what PostgreSQL has does not get to the topics."""

from pathlib import Path

from app.domain.topics import Topic
from tests.alerts.conftest import Shop, contact_on
from tests.alerts.prometheus import prometheus
from tests.alerts.runbook import Runbook
from tests.security.test_service import Installation

PAGE = Runbook("outbox-old")


async def test_a_right_that_was_taken_away_and_is_given_again(
    installation: Installation, shop: Shop, home: Path
) -> None:
    async with installation.start("worker") as worker, prometheus(home, [worker.url]) as watching:
        await watching.until_quiet()
        await installation.kafka.run_tool(
            "org.apache.kafka.tools.AclCommand",
            *("--remove", "--force", "--allow-principal", "User:funnel-worker"),
            *("--operation", "Write", "--topic", Topic.STAGE_CHANGES),
        )
        try:
            await shop.signs_up(contact_on(3))
            await watching.until_fires("FunnelOutboxOld", lane="contacts")
            PAGE.says("TopicAuthorizationFailed")
            assert "TopicAuthorizationFailed" in worker.said
            assert PAGE.command("deploy/kafka/acls.sh") == "deploy/kafka/acls.sh"
        finally:
            await installation.kafka.grant()
        await watching.until_ends("FunnelOutboxOld")
        await watching.until_quiet()
