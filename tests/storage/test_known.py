"""A contact as the command reads it: whole, as it is and as it was."""

import asyncpg
import pytest
import typer
from pydantic import SecretStr

from app.cli.known import read_contact
from app.domain import evidence_log
from app.domain.topics import CONTACT_LANE
from app.errors import FunnelError
from app.settings import Database, Settings
from app.storage import ownership
from app.storage.rows import ContactRow, HistoryRow, SealedRow
from tests.storage.batches import applied, batch
from tests.unit.domain.story import DAY, MONDAY, Story

KEY = "crm-1"


@pytest.fixture
async def settings(
    database: Database, mine: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Of a database with one contact: a lead that talked back, and visited for many days."""
    monkeypatch.setattr(evidence_log, "SECTION_STEPS", 3)
    one = Story()
    one.tell("newsletter.signed_up", 0)
    one.tell("email.replied", 1)
    for day in range(2, 14):
        one.tell("website.visited", day)
    taken = one.contact.take_change()
    assert taken is not None
    change, sealed = taken
    await ownership.record_lane(mine, CONTACT_LANE, 1, ["t"], ["id"])
    await applied(
        mine,
        batch(
            contacts=[ContactRow(0, change)],
            sealed=[SealedRow(0, chunk) for chunk in sealed],
            history=[HistoryRow(0, "default", KEY, MONDAY, each) for each in one.changes],
        ),
    )
    assert sealed
    return Settings(database=Database(url=SecretStr(database.url.get_secret_value())))


async def test_evidence_that_was_sealed_is_read_too(settings: Settings) -> None:
    known = await read_contact(settings, "default", KEY)
    assert len(known.interactions) == 14
    ids = {entry.id for entry in known.interactions}
    assert all(set(stored.change.evidence) <= ids for stored in known.history)


@pytest.mark.parametrize(
    ("as_of", "stage", "many"),
    [
        ("2026-03-01", "none", 0),
        ("2026-03-02T00:00:00Z", "lead", 1),
        ("2026-03-02", "lead", 1),
        ("2026-03-03", "prospect", 2),
        ("2026-03-05T12:00:00+02:00", "prospect", 4),
        ("2026-07-30", "recycled", 14),
    ],
)
async def test_a_contact_is_read_as_it_was(
    settings: Settings, as_of: str, stage: str, many: int
) -> None:
    """A date means its end."""
    known = await read_contact(settings, "default", KEY, as_of)
    assert (known.view.stage, len(known.interactions)) == (stage, many)


async def test_the_view_of_the_past_is_of_then(settings: Settings) -> None:
    known = await read_contact(settings, "default", KEY, "2026-03-03T00:00:00Z")
    assert known.at == MONDAY + DAY
    assert known.view.engagement == 24_886


async def test_a_moment_that_is_none_is_wrong_use(settings: Settings) -> None:
    with pytest.raises(typer.BadParameter, match="2026-03-02"):
        await read_contact(settings, "default", KEY, "yesterday")


async def test_a_contact_that_is_not_there_is_said_so(settings: Settings) -> None:
    with pytest.raises(FunnelError, match="no contact 'crm-2'"):
        await read_contact(settings, "default", "crm-2")
