"""Lists, sums and a feed with something in them, of nobody."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime, timedelta

from app.api.ui.ports import (
    ContactList,
    FeedItem,
    Forecast,
    ForecastMonth,
    Group,
    ListedContact,
    MoveSums,
    Profile,
    StageNumber,
    StageSums,
    Summary,
    Touch,
)

NAMES = ("Ada Lind", "Bruno Sá", "Chi Okafor", "Dana Weiss", "Emil Novak", "Fatima Zahra")
STAGES = ("opportunity", "prospect", "lead", "customer", "recycled")


def _at(**ago: float) -> str:
    return (datetime.now(UTC) + timedelta(**ago)).isoformat().replace("+00:00", "Z")


class FakeLists:
    def __init__(self, count: int = 90) -> None:
        self.every = [self._contact(n) for n in range(count)]

    def _contact(self, n: int) -> ListedContact:
        stage, name = STAGES[n % len(STAGES)], NAMES[n % len(NAMES)]
        temperature = "hot" if n < 6 else "warm" if n < 30 else "cold"
        due = _at(minutes=(n - 2) * 37) if n < 30 else None
        firm = f"firm-{n % 7}.example"
        return ListedContact(
            f"crm-{1000 + n}", stage, temperature, due, 50.0, 61.3, max(2.0, 88.0 - n), "sales",
            "jo" if n % 4 == 0 else None, firm, _at(hours=-n), _at(days=-n), stage == "customer",
            1, Profile(name, None, None, firm.title()) if n % 3 else None,
            Touch("webinar", "spring"), None,
        )  # fmt: skip

    async def contacts(
        self, tenant: str, filters: Mapping[str, str], *, limit: int, after: str | None
    ) -> ContactList:
        found = [
            each
            for each in self.every
            if filters.get("stage") in (None, each.stage)
            and filters.get("temperature") in (None, each.temperature)
            and filters.get("text", "").lower() in f"{each.profile} {each.contact_id}".lower()
        ]
        start = int(after or 0)
        is_more = start + limit < len(found)
        return ContactList(found[start : start + limit], str(start + limit) if is_more else None)

    async def profile(self, tenant: str, contact_id: str) -> Profile | None:
        return Profile("Ada Lind", "ada@firm.example", None, "Firm")

    async def summary(
        self,
        tenant: str,
        since: date,
        until: date,
        *,
        by: str = "none",
        channel: str | None = None,
        campaign: str | None = None,
    ) -> Summary:
        names = ("lead", "prospect", "opportunity", "customer", "lost", "recycled", "disqualified")
        counts = (214, 128, 60, 18, 5, 66, 21)
        entered = (480, 250, 110, 22, 9, 70, 30)
        sums = [
            StageSums(name, n, n // 2, n // 9, 0.5, 0.11, 4.2)
            for name, n in zip(names, entered, strict=True)
        ]
        groups = ("webinar", "web", "trade_show", "email", None) if by == "channel" else (None,)
        return Summary(
            since.isoformat(), until.isoformat(), by,
            [StageNumber(name, n) for name, n in zip(names, counts, strict=True)],
            [Group(each, sums, [MoveSums("lead", "prospect", 40, 4.2)]) for each in groups],
        )  # fmt: skip

    async def forecast(self, tenant: str) -> Forecast:
        return Forecast(
            _at(),
            [
                ForecastMonth("2026-12", "EUR", 12, 120_000.0, 54_000.0, 2),
                ForecastMonth(None, None, 3, 0.0, 0.0, 3),
            ],
        )


class FakeFeed:
    def __init__(self) -> None:
        self.told: asyncio.Queue[FeedItem] = asyncio.Queue()

    async def recent(self, tenant: str, limit: int) -> list[FeedItem]:
        moves = (("lead", "prospect"), ("prospect", "opportunity"), ("none", "lead"))
        return [
            FeedItem(
                f"e{n}", "revoked" if n == 3 else "changed", f"crm-{1000 + n}", *moves[n % 3],
                moves[n % 3][1], _at(minutes=-3 * n), "demo.requested", "jo" if n == 4 else None,
            )
            for n in range(limit)
        ]  # fmt: skip

    async def changes(self, tenant: str, after: str | None) -> AsyncIterator[FeedItem | None]:
        while True:
            try:
                async with asyncio.timeout(5):
                    yield await self.told.get()
            except TimeoutError:
                yield None
