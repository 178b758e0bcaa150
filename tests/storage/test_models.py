"""Activated models in PostgreSQL: a version never changes, and a sweep's place is its batch's."""

from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.timeline import EVER, Timeline
from app.errors import FunnelError, RowRejected, Unclean
from app.handling.known_types import KnownTypes
from app.handling.library import Library
from app.models import content_hash, load_definition, load_rules
from app.models.stored import plain, rules_of_stored
from app.runtime import ruling
from app.runtime.ruling import latest_of, ruling_of
from app.settings import Settings
from app.storage import model_queries, model_versions, models
from app.storage.model_queries import TimelineRow
from app.storage.model_versions import Kept
from app.storage.models import ActivationRow, StoredModel, SweepRow
from tests.storage.batches import LANE, NOW, applied, batch, contact, move

B2B = load_rules("b2b-default@1")
SETTINGS = Settings()
DEFAULT = load_rules(SETTINGS.model, None)


def definition_of(name: str) -> tuple[str, dict[str, Any]]:
    definition = plain(load_definition(name)[0])
    return content_hash(definition), definition


HASH, DEFINITION = definition_of("profile-first@1")


def activation(**different: Any) -> ActivationRow:
    usual = ActivationRow(0, "default", 1, HASH, "refold", NOW - 9, "activate-1", "ops", NOW)
    return replace(usual, **different)


async def keep(engine: AsyncEngine, name: str = "profile-first@1") -> str:
    hash_, definition = definition_of(name)
    ref, _, version = name.rpartition("@")
    stored = StoredModel(hash_, ref, int(version), definition)
    assert await model_versions.keep(engine, "default", stored, "jo") is not None
    return hash_


@pytest.fixture(autouse=True)
def lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruling, "CONTACT_LANE", LANE)


async def test_a_model_is_read_as_it_was_kept(reads: AsyncEngine, mine: asyncpg.Connection) -> None:
    await keep(reads)
    await keep(reads)
    kept = StoredModel(HASH, "profile-first", 1, DEFINITION)
    assert await models.read_model(mine, HASH) == kept
    assert await model_queries.stored_model(reads, HASH) == kept
    assert list(kept.definition["transitions"]) == list(DEFINITION["transitions"])
    assert await models.read_model(mine, "0" * 64) is None


@pytest.mark.parametrize("name", ["b2b-default@1", "two-stage@1", "account-based@1"])
def test_a_kept_model_compiles_to_the_same_rules(name: str) -> None:
    hash_, definition = definition_of(name)
    assert hash_ == content_hash(load_definition(name)[0])
    made, loaded = rules_of_stored(definition), load_rules(name)
    assert (made.ref, made.terms) == (loaded.ref, loaded.terms)
    assert [each.id for each in made.transitions] == [each.id for each in loaded.transitions]


async def test_a_version_that_was_kept_never_changes(reads: AsyncEngine) -> None:
    await keep(reads)
    other = StoredModel("f" * 64, "profile-first", 1, {"name": "x"})
    assert await model_versions.keep(reads, "default", other, "ann") == Kept(HASH, is_new=False)
    found = await model_versions.find(reads, "default", "profile-first@1")
    assert found is not None
    assert (found[0].kept_by, found[1].definition) == ("jo", DEFINITION)
    assert await model_queries.stored_model(reads, "f" * 64) is None


async def test_a_tenants_versions_are_its_own(reads: AsyncEngine) -> None:
    await keep(reads)
    assert await model_versions.find(reads, "acme", "profile-first@1") is None
    other = StoredModel("f" * 64, "profile-first", 1, {"name": "x"})
    assert await model_versions.keep(reads, "acme", other, "ann") == Kept("f" * 64, is_new=True)
    listed = await model_versions.of_tenant(reads, "acme", 10)
    assert [(each.ref, each.title, each.kept_by) for each in listed] == [
        ("profile-first@1", "", "ann")
    ]
    same = StoredModel(HASH, "profile-first", 1, DEFINITION)
    assert await model_versions.keep(reads, "third", same, "bo") == Kept(HASH, is_new=True)


async def test_a_tenant_keeps_so_many_and_has_them_still(reads: AsyncEngine) -> None:
    await keep(reads)
    another = StoredModel("f" * 64, "x", 1, {"name": "x"})
    assert await model_versions.keep(reads, "default", another, "jo", most=1) is None
    assert await model_queries.stored_model(reads, "f" * 64) is None
    again = StoredModel(HASH, "profile-first", 1, DEFINITION)
    found = await model_versions.keep(reads, "default", again, "jo", most=1)
    assert found == Kept(HASH, is_new=False)


@pytest.mark.parametrize(
    "ref", ["profile-first", "profile-first@", "@1", "x@-1", "x@²", "x@9999999999"]
)
async def test_what_is_no_name_is_not_found(reads: AsyncEngine, ref: str) -> None:
    await keep(reads)
    assert await model_versions.find(reads, "default", ref) is None


async def test_one_at_a_time_activates_for_a_tenant(reads: AsyncEngine) -> None:
    async with model_versions.alone(reads, "acme") as first:
        async with model_versions.alone(reads, "acme") as second:
            assert (first, second) == (True, False)
        async with model_versions.alone(reads, "other") as other:
            assert other
    async with model_versions.alone(reads, "acme") as again:
        assert again


async def test_an_activation_is_written_with_its_batch_or_not_at_all(
    mine: asyncpg.Connection,
) -> None:
    twice = batch(1, activations=[activation(), activation()])
    with pytest.raises((Unclean, RowRejected)):
        await applied(mine, twice)


async def test_a_timeline_is_read_as_it_was_applied(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await keep(reads)
    first, second = activation(), activation(generation=2, mode="forward", activated_by="b")
    other = activation(tenant="acme")
    await applied(mine, batch(1, activations=[first, other]), batch(2, activations=[second]))
    assert await models.read_timelines(mine, 0) == [other, first, second]
    assert await models.read_timelines(mine, 1) == []
    rows = await model_queries.timeline(reads, "default")
    assert rows == [TimelineRow("profile-first@1", first), TimelineRow("profile-first@1", second)]


async def test_a_sweep_that_is_done_is_done_for_those_before_it_and_keeps_no_key(
    mine: asyncpg.Connection,
) -> None:
    rows = [activation(generation=1), activation(generation=2)]
    await applied(
        mine,
        batch(1, activations=rows, sweeps=[SweepRow(0, "default", 1, "c-3", 3, None)]),
    )
    assert [row.cursor for row in await models.read_timelines(mine, 0)] == ["c-3", None]
    await applied(mine, batch(2, sweeps=[SweepRow(0, "default", 2, "", 7, NOW + 5)]))
    found = await models.read_timelines(mine, 0)
    assert [(row.cursor, row.swept, row.swept_at) for row in found] == [
        ("", 3, NOW + 5),
        ("", 7, NOW + 5),
    ]


async def test_contacts_come_in_the_order_of_their_keys(mine: asyncpg.Connection) -> None:
    made = [contact(key) for key in ("b", "a", "C", "d")]
    await applied(mine, batch(1, contacts=[*made, contact("a", tenant="acme")]))
    assert await models.contacts_after(mine, 0, "default", "", 3) == ["C", "a", "b"]
    assert await models.contacts_after(mine, 0, "default", "b", 3) == ["d"]


async def test_whether_a_tenant_has_contacts(mine: asyncpg.Connection, reads: AsyncEngine) -> None:
    assert not await model_queries.has_contacts(reads, LANE, "default")
    await applied(mine, batch(1, contacts=[contact("a")]))
    assert await model_queries.has_contacts(reads, LANE, "default")
    assert not await model_queries.has_contacts(reads, LANE, "acme")


async def test_who_reads_has_the_timeline_that_the_lane_has(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await keep(reads)
    assert await ruling_of(reads, SETTINGS, 0, "default") is DEFAULT
    hash_ = await keep(reads, "two-stage@1")
    later = activation(
        generation=2, content_hash=hash_, mode="forward", active_from=NOW + 2, activated_by="b"
    )
    await applied(mine, batch(1, activations=[activation(), later]))
    library = Library(B2B, KnownTypes())
    seen = []
    for n in (1, 2):
        found = await ruling_of(reads, SETTINGS, 0, "default")
        lane = (await library.rulings(mine, 0, NOW + n)).in_force["default"]
        assert isinstance(found, Timeline)
        assert isinstance(lane, Timeline)
        seen.append([(start, rules.ref) for start, rules in found.spans])
        assert seen[-1] == [(start, rules.ref) for start, rules in lane.spans]
        await applied(mine, batch(n + 1, moves=[move(n + 1)]))
    assert seen == [
        [(EVER, "profile-first@1")],
        [(EVER, "profile-first@1"), (NOW + 2, "two-stage@1")],
    ]
    assert await ruling_of(reads, SETTINGS, 0, "acme") is DEFAULT
    assert [rules.ref for rules in await latest_of(reads, SETTINGS, "default")] == ["two-stage@1"]


async def test_accounts_follow_what_was_activated_last_by_now(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    """They have partitions of their own, so in whatever partition of the contacts it was."""
    await keep(reads)
    hash_ = await keep(reads, "account-based@1")
    rows = [
        activation(partition=7),
        activation(partition=7, generation=2, content_hash=hash_, active_from=NOW + 5),
        activation(partition=2, tenant="acme", content_hash=hash_),
    ]
    await applied(mine, batch(1, activations=rows))
    library = Library(B2B, KnownTypes())

    async def decides(at: int) -> dict[str, str]:
        found = await library.rules_by_tenant(mine, {"default", "acme", "other"}, at)
        return {tenant: rules.ref for tenant, rules in found.items()}

    accounts = {"acme": "account-based@1", "other": "b2b-default@1"}
    assert await decides(NOW) == {**accounts, "default": "profile-first@1"}
    assert await decides(NOW + 5) == {**accounts, "default": "account-based@1"}


async def test_a_partition_whose_model_is_gone_is_not_taken(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    await applied(mine, batch(1, activations=[activation()]))
    with pytest.raises(FunnelError, match="restore it from a backup"):
        await Library(B2B, KnownTypes()).rulings(mine, 0, NOW)
