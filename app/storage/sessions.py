"""Which releases have sessions on the database: their names say the revision.

An application_name holds the four digits as a part between dashes: `funnel-api-0010`, and an
incarnation's id `funnel-0010-<hex>`. PostgreSQL shows names to everyone.
"""

import re
from collections.abc import Mapping
from typing import Final
from uuid import uuid4

import asyncpg

from app.storage.migrations import newest

NO_REVISION: Final = "0000"
"""Of a session that does not say: taken for older than all others."""
MIGRATING: Final = "funnel-migrate"

_REVISION: Final = re.compile(r"-(\d{4})(?=-|$)")
_SESSIONS: Final = """
SELECT application_name, count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'funnel%'
    AND NOT starts_with(application_name, $1)
GROUP BY application_name
"""


def incarnation_id() -> str:
    """Never used before."""
    return f"funnel-{newest()}-{uuid4().hex}"


def session_name(name: str) -> str:
    """`name`, with the revision of this release where a process of ours does not say it yet."""
    if not name.startswith("funnel") or _REVISION.search(name) is not None:
        return name
    return f"{name}-{newest()}"


def revision_of(name: str) -> str:
    found = _REVISION.search(name)
    return NO_REVISION if found is None else found[1]


async def older_than(connection: asyncpg.Connection, revision: str) -> Mapping[str, int]:
    """Sessions of processes of older releases: how many of each name."""
    rows = await connection.fetch(_SESSIONS, MIGRATING)
    return {name: n for name, n in rows if revision_of(name) < revision}
