"""`funnel migrate`: the database's schema to this release's revision."""

import asyncio
from typing import Annotated

import typer

from app.cli import printing


def migrate(
    finish: Annotated[
        bool,
        typer.Option(
            "--finish",
            help="Also take away what only older releases need. After the roll-out; no way back.",
        ),
    ] = False,
    as_json: printing.Json = False,
) -> None:
    """Bring the database to the revision this release needs, beside the release before.

    Safe to run many times and from many places at once: it takes an advisory lock.
    """
    from app.cli import settings
    from app.storage import migrate as schema

    found = settings.load()
    done = asyncio.run(schema.migrate(found.database, finish=finish))
    if as_json:
        printing.json(done._asdict())
        return
    printing.line(
        f"the database is at revision {done.revision}; releases of {done.floor} or newer may run"
    )
    if done.waiting:
        printing.line(
            f"{', '.join(done.waiting)} take away what older releases need: when none of them"
            " runs any more, `funnel migrate --finish`"
        )
