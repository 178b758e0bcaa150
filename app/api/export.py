"""Every contact of a list, in its order, for a table: each row is read once, nothing holds all."""

from collections.abc import AsyncIterator, Awaitable, Callable
from heapq import heapify, heappop, heapreplace
from itertools import product
from typing import Final

from msgspec.structs import replace

from app.storage.list_queries import TEMPERATURES, ListedContact, Wanted
from app.storage.list_statements import Sort

READ_ROWS: Final = 1_000
"""At once, of one stage and temperature."""
Key = tuple[int, str]
Read = Callable[[Wanted, int, Key | None], Awaitable[list[ListedContact]]]
"""(what, how many, after) -> the following ones."""


async def every(
    read: Read, wanted: Wanted, sort: Sort, after: Key | None
) -> AsyncIterator[list[ListedContact]]:
    """Merged from every stage and temperature, some at a time."""
    sources = [
        _Source(read, replace(wanted, stages=(stage,), temperature=temperature), sort, after)
        for stage, temperature in product(wanted.stages, _temperatures(wanted))
    ]
    heads = [(_place(first, sort), n) for n, s in enumerate(sources) if (first := await s.next())]
    heapify(heads)
    some: list[ListedContact] = []
    while heads:
        _, n = heads[0]
        some.append(sources[n].taken())
        following = await sources[n].next()
        if following is None:
            heappop(heads)
        else:
            heapreplace(heads, (_place(following, sort), n))
        if len(some) >= READ_ROWS:
            yield some
            some = []
    if some:
        yield some


def _temperatures(wanted: Wanted) -> tuple[str, ...]:
    return TEMPERATURES if wanted.temperature is None else (wanted.temperature,)


def _place(row: ListedContact, sort: Sort) -> int:
    return -row.updated_at if sort == "updated" else row.work_order


class _Source:
    """Contacts of one stage and temperature, in order."""

    def __init__(self, read: Read, wanted: Wanted, sort: Sort, after: Key | None) -> None:
        self._read = read
        self._sort: Sort = sort
        self._wanted = wanted
        self._after = after
        self._rows: list[ListedContact] = []
        """Those to come, the next one last."""
        self._is_over = False

    async def next(self) -> ListedContact | None:
        """The next one, not taken yet; None: there is none."""
        if not self._rows and not self._is_over:
            rows = await self._read(self._wanted, READ_ROWS, self._after)
            self._is_over = len(rows) < READ_ROWS
            self._rows = rows[::-1]
        return self._rows[-1] if self._rows else None

    def taken(self) -> ListedContact:
        row = self._rows.pop()
        self._after = row.key(self._sort)
        return row
