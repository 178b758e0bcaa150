"""`funnel migrate`: the database's schema to this release's revision."""

import asyncio

from app.cli import printing


def migrate(as_json: printing.Json = False) -> None:
    """Bring the database to the revision this release needs.

    Safe to run many times and from many places at once: it takes an advisory lock.
    """
    from app.cli import settings
    from app.storage import migrate as schema

    found = settings.load()
    revision = asyncio.run(schema.migrate(found.database))
    if as_json:
        printing.json({"revision": revision})
    else:
        printing.line(f"the database is at revision {revision}")
