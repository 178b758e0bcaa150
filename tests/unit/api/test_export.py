"""A whole list, merged from its parts: everything once, in order, read a few at a time."""

import random
from collections.abc import Sequence

import pytest

from app.api import export
from app.api.export import Key, every
from app.storage.list_queries import ListedContact, Wanted
from app.storage.list_statements import Sort

STAGES = ("lead", "prospect", "customer")


def contact(n: int, random_: random.Random) -> ListedContact:
    order = random_.randrange(20)
    return ListedContact(
        f"c-{n:03}", random_.choice(STAGES), random_.choice(("hot", "cold")), 1, False, 0, None,
        order, 0, 0, 0, None, None, None, None, order, None, None, None, None,
    )  # fmt: skip


class Table:
    """What storage would read, and the most it was asked for at once."""

    def __init__(self, rows: Sequence[ListedContact], sort: Sort) -> None:
        self.sort: Sort = sort
        self.rows = sorted(rows, key=lambda row: row.key(sort), reverse=sort == "updated")
        self.most = 0

    async def read(self, wanted: Wanted, rows: int, after: Key | None) -> list[ListedContact]:
        self.most = max(self.most, rows)
        found = [
            row
            for row in self.rows
            if row.stage in wanted.stages
            and row.temperature == wanted.temperature
            and (after is None or self._is_beyond(row.key(self.sort), after))
        ]
        return found[:rows]

    def _is_beyond(self, key: Key, after: Key) -> bool:
        return key < after if self.sort == "updated" else key > after


@pytest.mark.parametrize("sort", ["follow-up", "updated"])
@pytest.mark.parametrize("count", [0, 1, 3, 100])
async def test_every_contact_comes_once_and_in_order(
    sort: Sort, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "READ_ROWS", 3)
    random_ = random.Random(count)
    table = Table([contact(n, random_) for n in range(count)], sort)
    pages = [page async for page in every(table.read, Wanted("default", STAGES), sort, None)]
    rows = [row for page in pages for row in page]
    assert sorted(row.contact_id for row in rows) == [f"c-{n:03}" for n in range(count)]
    order = [row.key(sort)[0] for row in rows]
    assert order == sorted(order, reverse=sort == "updated")
    assert all(len(page) <= 3 for page in pages)
    assert table.most == 3


async def test_only_what_is_wanted_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "READ_ROWS", 3)
    random_ = random.Random(1)
    table = Table([contact(n, random_) for n in range(50)], "follow-up")
    wanted = Wanted("default", ("lead",), temperature="hot")
    found = [row async for page in every(table.read, wanted, "follow-up", None) for row in page]
    assert found == [row for row in table.rows if (row.stage, row.temperature) == ("lead", "hot")]
