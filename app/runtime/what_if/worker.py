"""What a process of the simulation does: reads contacts, folds them, and says what it counted.

It holds one connection, and of the contacts no more than a page. It ends with its parent, also
where that is killed.
"""

import asyncio
import gc
import os
import signal
import threading
from functools import lru_cache
from multiprocessing import parent_process
from typing import Any, Final, NamedTuple

import asyncpg

from app.domain.interaction import Microseconds
from app.domain.what_if import WhatIf
from app.domain.what_if_tally import Tally
from app.errors import FunnelError, Unavailable
from app.models import content_hash
from app.models.stored import rules_of_stored
from app.runtime.deciding import Timelines
from app.settings import Database
from app.storage.connect import connect
from app.storage.deciding import Deciding
from app.storage.evidence_scan import Place, read_page

PAGE_CONTACTS: Final = 200
TENANTS_KEPT: Final = 64
GARBAGE_OBJECTS: Final = 50_000
PART_CONTACTS: Final = 2_000
"""In one call: about a quarter of a second, so that progress is seen."""


class Task(NamedTuple):
    """What is the same for all processes and calls."""

    database: Database
    default: dict[str, Any]
    """Of the model that decides where none was activated."""
    candidate: dict[str, Any]
    """Complete definitions, not names: what was checked is what is folded."""
    deciding: Deciding
    """Who has which model, as it was when the simulation began."""
    until: Microseconds
    tenant: str | None


class Weighed(NamedTuple):
    tally: Tally
    read: int
    """Contacts, linked ones too."""
    after: Place | None
    """Where to go on; None: the partition is done."""


class _Here(NamedTuple):
    task: Task
    loop: asyncio.Runner
    connection: asyncpg.Connection
    judges: "Judges"


class Judges:
    """Of this process: who weighs a partition's contacts of a tenant."""

    def __init__(self, task: Task) -> None:
        default, candidate = (content_hash(each) for each in (task.default, task.candidate))
        stored = task.deciding
        every = {default: task.default, candidate: task.candidate, **stored.definitions}
        rules = {each: rules_of_stored(definition) for each, definition in every.items()}
        self._timelines = Timelines(rules[default], stored, rules)
        self._candidate, self._until = rules[candidate], task.until
        self._of_default = WhatIf(rules[default], rules[candidate], task.until)
        self._in_force = lru_cache(maxsize=TENANTS_KEPT)(self._timelines.in_force)
        self._of_tenant = lru_cache(maxsize=TENANTS_KEPT)(self._made)

    def of(self, partition: int, tenant: str) -> WhatIf:
        if tenant not in self._in_force(partition):
            return self._of_default
        return self._of_tenant(partition, tenant)

    def _made(self, partition: int, tenant: str) -> WhatIf:
        return WhatIf(self._in_force(partition)[tenant], self._candidate, self._until)


_here: _Here | None = None
"""Of this process."""


def begin(task: Task) -> None:
    """Once in each process."""
    global _here
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    loop = asyncio.Runner()
    connection = loop.run(connect(task.database, application_name="funnel-simulate"))
    _here = _Here(task, loop, connection, Judges(task))
    gc.freeze()  # what stays; and what comes and goes holds no cycles worth a look each time
    gc.set_threshold(GARBAGE_OBJECTS)


def weigh(partition: int, after: Place, limit: int) -> Weighed:
    """Of the partition's contacts that come after a place, up to `limit`."""
    assert _here is not None, "begin was called"
    try:
        return _here.loop.run(_weigh(_here, partition, after, limit))
    except Unavailable as failed:
        raise Unavailable(str(failed)) from None
    except FunnelError as failed:
        # Some of them take more than a text, and don't survive the way to the parent.
        raise FunnelError(str(failed)) from None


async def _weigh(here: _Here, partition: int, after: Place, limit: int) -> Weighed:
    tally = Tally()
    read = 0
    place: Place | None = after
    while place is not None and read < limit:
        wanted = min(PAGE_CONTACTS, limit - read)
        page = await read_page(here.connection, partition, place, here.task.tenant, wanted)
        for evidence in page.contacts:
            what_if = here.judges.of(partition, evidence.tenant)
            what_if.tally = tally
            what_if.weigh(evidence)
        read += len(page.contacts)
        place = page.after
    return Weighed(tally, read, place)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None, "this is a child"
    parent.join()
    os._exit(1)
