"""What an apply writes for lists, and what lists read of it."""

from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.personal import Profile
from app.domain.routing import home_partition
from app.domain.state import Deal
from app.storage import apply_lists, list_queries
from app.storage.list_queries import Found, ListedContact, Wanted
from app.storage.list_statements import Sort
from app.storage.rows import DealsRow, ErasureRow, ProfileRow
from tests.storage.batches import NOW, applied, batch, contact
from tests.storage.listed import listing

STAGES = ("lead", "prospect", "opportunity", "customer")
SECOND = 1_000_000


def profile(told: Profile, contact_id: str = "c-1") -> ProfileRow:
    return ProfileRow(0, "default", contact_id, told)


async def listed(reads: AsyncEngine, sort: Sort = "follow-up", **wanted: Any) -> list[str]:
    return [row.contact_id for row in await rows(reads, sort, **wanted)]


async def rows(reads: AsyncEngine, sort: Sort = "follow-up", **wanted: Any) -> list[ListedContact]:
    asked = Wanted(**{"tenant": "default", "stages": STAGES, **wanted})
    return await list_queries.contacts(reads, asked, sort=sort, limit=50)


async def found(reads: AsyncEngine, text: str) -> list[str]:
    matches = await searched(reads, text)
    assert not matches.is_cut
    return sorted(row.contact_id for row in matches.contacts)


async def searched(
    reads: AsyncEngine, text: str, *, sort: Sort = "updated", **bounds: Any
) -> Found:
    asked = Wanted("default", (*STAGES, "none"), **bounds.pop("wanted", {}))
    return await list_queries.search(reads, asked, text, 3, sort=sort, **{"limit": 50, **bounds})


async def test_a_row_is_written_and_written_over(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    whole: dict[str, Any] = {
        "stage": "opportunity", "temperature": "hot", "cycle": 2, "is_customer": True,
        "follow_up_due": NOW + 5, "owner": "jo", "account_id": "firm.example",
        "first_channel": "web", "first_campaign": "spring",
    }  # fmt: skip
    await applied(mine, batch(1, listings=[listing(), listing("c-0")]))
    await applied(mine, batch(2, listings=[listing(**whole, updated_at=NOW + 7)]))
    (row,) = await rows(reads, stages=("opportunity",))
    assert {name: getattr(row, name) for name in whole} == whole
    assert (row.contact_id, row.entered_at, row.updated_at) == ("c-1", NOW - 9, NOW + 7)
    assert (row.fit, row.engagement, row.priority) == (50_000, 10_000, 30_000)
    assert await listed(reads) == ["c-1", "c-0"]
    assert await mine.fetchval("SELECT count(*) FROM staged_listing") == 0


async def test_rows_are_merged_by_their_key(mine: asyncpg.Connection) -> None:
    """Whatever the statistics say: a staged batch has none."""
    plan = "\n".join(row[0] for row in await mine.fetch(f"EXPLAIN {apply_lists.MERGE}"))
    assert "Nested Loop" in plan
    assert "Index Scan using contact_view_pkey" in plan


FILTERED = [
    listing("a", owner="jo", first_channel="web", first_campaign="spring", account_id="firm"),
    listing("b", owner="jo", first_channel="fair", stage="prospect"),
    listing("c", first_channel="web", temperature="warm", stage="prospect"),
    listing("d", tenant="acme", owner="jo", first_channel="web", account_id="firm"),
    listing("e", stage="none", owner="jo"),
    listing("f", owner="jo", linked_to="a", stage="none"),
    listing("g", partition=1, first_campaign="spring", temperature="hot", stage="opportunity"),
]


@pytest.mark.parametrize("sort", ["follow-up", "updated"])
@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, "abcg"), ({"stages": ("prospect",)}, "bc"), ({"temperature": "cold"}, "ab"),
        ({"owner": "jo"}, "ab"), ({"owner": "al"}, ""), ({"account": "firm"}, "a"),
        ({"channel": "web"}, "ac"), ({"campaign": "spring"}, "ag"),
        ({"channel": "web", "owner": "jo"}, "a"), ({"stages": ("lead",), "channel": "web"}, "a"),
        ({"tenant": "acme"}, "d"), ({"tenant": "acme", "account": "firm"}, "d"),
        ({"stages": ("none",)}, "e"), ({"stages": ()}, ""),
    ],
)  # fmt: skip
async def test_a_filter_lets_through_what_it_names(
    mine: asyncpg.Connection, reads: AsyncEngine, wanted: dict[str, Any], ids: str, sort: Sort
) -> None:
    await applied(mine, batch(listings=FILTERED))
    assert sorted(await listed(reads, sort, **wanted)) == list(ids)


async def test_work_and_updates_have_their_order_and_pages_go_through_it(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    made = [
        listing("cold", priority=90_000, updated_at=NOW + 3),
        listing("waits", temperature="warm", stage="prospect", updated_at=NOW + 1,
                follow_up_due=NOW + SECOND),
        listing("late", temperature="hot", follow_up_due=NOW - SECOND, updated_at=NOW),
        listing("urgent", temperature="hot", follow_up_due=NOW + SECOND, priority=80_000,
                updated_at=NOW + 3),
        listing("warm", temperature="warm", stage="customer", updated_at=NOW + 2),
    ]  # fmt: skip
    await applied(mine, batch(listings=made))
    orders: dict[Sort, list[str]] = {
        "follow-up": ["late", "urgent", "waits", "warm", "cold"],
        "updated": ["urgent", "cold", "warm", "waits", "late"],
    }
    for sort, order in orders.items():
        assert await listed(reads, sort) == order
        asked, after, seen = Wanted("default", STAGES), None, []
        while page := await list_queries.contacts(reads, asked, sort=sort, limit=2, after=after):
            seen += [row.contact_id for row in page]
            after = page[-1].key(sort)
        assert seen == order


async def test_of_a_profile_the_latest_values_hold_in_whatever_order_they_come(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    told: list[Profile] = [
        {"name": ("Ada Lind", 5), "email": ("ada@firm.example", 5)},
        {"name": ("Ada Old", 3), "phone": ("+49 30 1", 3)},
        {"company": ("Firm", 9), "email": ("new@firm.example", 9)},
    ]
    for n, each in enumerate(told, 1):
        await applied(mine, batch(n, profiles=[profile(each)], listings=[listing()]))
    (row,) = await rows(reads)
    assert (row.name, row.email, row.phone, row.company) == (
        "Ada Lind", "new@firm.example", "+49 30 1", "Firm",
    )  # fmt: skip
    assert await found(reads, "ada@") == []


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("jür", ["c-1"]), ("JURGEN g", ["c-1"]), ("groß", ["c-1"]), ("gross jur", ["c-1"]),
        ("j.gross@", ["c-1"]), ("fir", ["c-1", "c-2"]), ("c-", ["c-1", "c-2", "c-3"]),
        ("C-", []), ("urgen", []), ("%", []), ("\U0010ffff", []),
    ],
)  # fmt: skip
async def test_a_search_finds_by_how_names_mails_companies_and_keys_begin(
    mine: asyncpg.Connection, reads: AsyncEngine, text: str, ids: list[str]
) -> None:
    profiles = [
        profile({"name": ("Jürgen Groß", 1), "email": ("J.Gross@firm.example", 1),
                 "company": ("Firma", 1)}),
        profile({"name": ("Anna", 1), "company": ("FIRST Ltd", 1)}, "c-2"),
        ProfileRow(0, "acme", "x-1", {"company": ("Firma", 1)}),
    ]  # fmt: skip
    listings = [listing(), listing("c-2", partition=0), listing("c-3", partition=2)]
    await applied(mine, batch(profiles=profiles, listings=listings))
    assert await found(reads, text) == ids


async def test_a_search_says_when_it_did_not_look_at_all(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    listings = [listing(f"c-{n}", partition=n % 3) for n in range(5)]
    await applied(mine, batch(listings=listings))
    matches = await searched(reads, "c-", matches_max=2)
    assert (len(matches.contacts), matches.is_cut) == (2, True)
    assert (await searched(reads, "x-", matches_max=2)) == ([], False)
    assert (await searched(reads, "c-1", matches_max=1)).is_cut


async def test_a_linked_identity_leads_to_its_primary(
    mine: asyncpg.Connection, reads: AsyncEngine
) -> None:
    """Once, in its place, also where it matches itself; it has to pass the filters, too."""
    home = home_partition("c-1", 3)
    made = [
        listing("visitor-1", linked_to="c-1", stage="none"),
        listing("visitor-2", linked_to="c-1", stage="none", partition=2),
        listing("visitor-0", updated_at=NOW + 1),
        listing("visitor-3", updated_at=NOW - 1, owner="jo"),
        listing("c-1", partition=home, updated_at=NOW),
    ]
    told = [ProfileRow(home, "default", "c-1", {"company": ("Visit Ltd", 1)})]
    await applied(mine, batch(listings=made, profiles=told))
    sorts: tuple[Sort, ...] = ("updated", "follow-up")
    for sort in sorts:
        whole = await searched(reads, "visit", sort=sort)
        ids = [row.contact_id for row in whole.contacts]
        assert ids == (await listed(reads, sort))
        assert sorted(ids) == ["c-1", "visitor-0", "visitor-3"]
        after, seen = None, []
        while page := (await searched(reads, "visit", sort=sort, limit=1, after=after)).contacts:
            seen += page
            after = page[-1].key(sort)
        assert seen == whole.contacts
    only = await searched(reads, "visitor-2", wanted={"owner": "jo"})
    assert only == ([], False)


async def test_a_search_is_filtered(mine: asyncpg.Connection, reads: AsyncEngine) -> None:
    made = [
        listing("c-1", owner="jo", first_channel="web", temperature="hot"),
        listing("c-2", owner="jo", first_channel="fair", stage="prospect"),
        listing("c-3", owner="al", first_channel="web"),
        listing("c-4", owner="jo", first_channel="web", tenant="acme"),
    ]
    await applied(mine, batch(listings=made))
    asked: list[tuple[dict[str, str], list[str]]] = [
        ({}, ["c-1", "c-2", "c-3"]), ({"owner": "jo"}, ["c-1", "c-2"]),
        ({"owner": "jo", "channel": "web"}, ["c-1"]), ({"temperature": "hot"}, ["c-1"]),
        ({"account": "firm.example"}, []), ({"campaign": "spring"}, []),
    ]  # fmt: skip
    for wanted, ids in asked:
        found = await searched(reads, "c-", wanted=wanted)
        assert sorted(row.contact_id for row in found.contacts) == ids, wanted


async def test_open_deals_are_those_of_the_last_batch(mine: asyncpg.Connection) -> None:
    def deals(*names: str) -> DealsRow:
        return DealsRow(0, "default", "c-1", tuple((name, Deal(10.0, "EUR")) for name in names))

    await applied(mine, batch(1, deals=[deals("a", "b")]), batch(2, deals=[deals("b", "c")]))
    kept = await mine.fetch("SELECT deal_id FROM open_deal ORDER BY deal_id")
    assert [row["deal_id"] for row in kept] == ["b", "c"]
    await applied(mine, batch(3, deals=[deals()]))
    assert await mine.fetchval("SELECT count(*) FROM open_deal") == 0


async def test_nothing_of_it_is_left_of_an_erased_contact(mine: asyncpg.Connection) -> None:
    told: Profile = {"name": ("Ada Lind", 1)}
    deals = DealsRow(0, "default", "c-1", (("d", Deal()),))
    whole = {"listings": [listing()], "profiles": [profile(told)], "deals": [deals]}
    await applied(mine, batch(1, contacts=[contact()], **whole))
    await applied(mine, batch(2, erasures=[ErasureRow(0, "default", "c-1", 1, b"digest", NOW)]))
    for table in ("contact_view", "profile", "open_deal"):
        assert await mine.fetchval(f"SELECT count(*) FROM {table}") == 0
