"""`funnel contact list` as it reads: filters, a search, and what it says of wrong ones."""

from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from app.cli.contact_list import Asked, read_list
from app.domain.topics import CONTACT_LANE
from app.errors import FunnelError
from app.settings import Database, Settings
from app.storage import ownership
from app.storage.rows import ProfileRow
from tests.storage.batches import applied, batch
from tests.storage.listed import listing


@pytest.fixture
async def settings(database: Database, mine: asyncpg.Connection) -> Settings:
    await ownership.record_lane(mine, CONTACT_LANE, 1, ["t"], ["id"])
    listings = [
        listing("c-1", stage="opportunity", temperature="hot", owner="jo"),
        listing("c-2"),
        listing("c-3", tenant="acme"),
        listing("visitor", stage="none", linked_to="c-1"),
    ]
    profiles = [ProfileRow(0, "default", "visitor", {"name": ("Ada Lind", 1)})]
    await applied(mine, batch(listings=listings, profiles=profiles))
    return Settings(database=Database(url=SecretStr(database.url.get_secret_value())))


def asked(**options: Any) -> Asked:
    return Asked(
        **{**dict.fromkeys(Asked.__struct_fields__), "tenant": "default", "sort": "follow-up",
           "limit": 50, **options}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({}, ["c-1", "c-2"]), ({"limit": 1}, ["c-1"]), ({"owner_team": "sales"}, ["c-1"]),
        ({"stage": "lead"}, ["c-2"]), ({"owner_team": "sales", "stage": "lead"}, []),
        ({"text": "lind"}, ["c-1"]), ({"text": "c-", "stage": "lead"}, ["c-2"]),
        ({"tenant": "acme"}, ["c-3"]),
    ],
)  # fmt: skip
async def test_options_are_filters(
    settings: Settings, options: dict[str, Any], keys: list[str]
) -> None:
    listed = await read_list(settings, asked(**options))
    assert [row.contact_id for row in listed.contacts] == keys


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"stage": "leed"}, "--stage: must be one of lead, prospect"),
        ({"owner_team": "ops"}, "--owner-team: must be one of marketing, sales"),
    ],
)
async def test_a_wrong_stage_or_team_is_told_with_those_there_are(
    settings: Settings, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(FunnelError, match=says):
        await read_list(settings, asked(**options))
