"""An upgrade that is finished while a process is cut off from PostgreSQL: it does not come back."""

import pytest

from app.errors import RevisionError
from tests.failure.rig import Rig
from tests.failure.test_outage import end_sessions


async def test_a_lane_looks_again_whether_it_may_run(rig: Rig) -> None:
    lane = rig.lane()
    await lane.owns(0, 1)
    await rig.database.execute("UPDATE revision_floor SET floor = '9999'")
    await rig.database.execute("UPDATE alembic_version SET version_num = '9999'")
    await end_sessions(rig)
    with pytest.raises(RevisionError, match="an upgrade was finished"):
        await lane.task
    row = await rig.row(0)
    assert row is not None
    assert row.owner is not None, "whoever is next fences it"
