"""`funnel replay`: is what is stored what the interactions say?"""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing
from app.errors import FunnelError

if TYPE_CHECKING:
    from app.runtime.replay.report import ReplayReport
    from app.settings import Settings

SHOWN = 50


def replay(
    tenant: Annotated[str | None, typer.Option(help="Of one tenant only.")] = None,
    partition: Annotated[
        int | None, typer.Option(min=0, help="Of one lane partition only.")
    ] = None,
    contact: Annotated[
        str | None, typer.Option(metavar="KEY", help="One contact; its tenant: --tenant.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Write what was rebuilt over contacts that differ.")
    ] = False,
    as_json: printing.Json = False,
) -> None:
    """Rebuild contacts from the interactions as they arrived; report every difference to live.

    Nothing is sent again, and workers may go on meanwhile. Exit code 1 where something differs.

    --repair rewrites the state, the evidence and the stage of contacts that differ, not their
    history and nothing that was published; a contact that has moved on since is left as it is. A
    worker that has such a contact in memory starts its lane again when it next writes it.
    """
    from app.cli import settings

    if contact is not None and tenant is None:
        tenant = "default"
    report = asyncio.run(_replay(settings.load(), tenant, partition, contact, repair))
    if as_json:
        printing.json(printing.with_moments(report, ("effective_at", "check_at")))
    else:
        _print(report)
    if not report.is_equal and not _is_mended(report):
        raise typer.Exit(1)


async def _replay(
    settings: "Settings",
    tenant: str | None,
    partition: int | None,
    contact: str | None,
    is_repairing: bool,
) -> "ReplayReport":
    from app.cli.database import database
    from app.domain.routing import home_partition, routing_key
    from app.domain.topics import CONTACT_LANE, CONTACT_LANE_INPUTS
    from app.inbound.decoding import make_decoder
    from app.models import load_rules
    from app.models.stored import rules_of_stored
    from app.runtime.deciding import Timelines
    from app.runtime.replay.replay import replay as run
    from app.storage.connect import connect
    from app.storage.deciding import read_deciding
    from app.storage.ownership import read_lane
    from app.storage.replay_reads import Wanted

    async with database(settings):
        pass  # at this release's revision
    default = load_rules(settings.model, settings.models_dir)
    connection = await connect(settings.database, application_name="funnel-replay")
    try:
        lane = await read_lane(connection, CONTACT_LANE)
        if lane is None:
            raise FunnelError("no worker has run on this database yet: there is nothing to replay")
        partitions = list(range(lane.partitions))
        if partition is not None:
            if partition not in partitions:
                raise FunnelError(f"there are partitions 0 to {partitions[-1]}: choose one of them")
            partitions = [partition]
        if contact is not None:
            home = home_partition(routing_key(tenant or "default", contact), lane.partitions)
            partitions = [each for each in partitions if each == home]
        deciding = await read_deciding(connection, CONTACT_LANE, tenant)
        rules = {each: rules_of_stored(found) for each, found in deciding.definitions.items()}
        decoder = partial(
            make_decoder, default, settings.limits, CONTACT_LANE_INPUTS, lane.partitions, None
        )
        with printing.counting("contacts") as progress:
            return await run(
                connection,
                CONTACT_LANE,
                partitions,
                decoder,
                Timelines(default, deciding, rules),
                wanted=Wanted(tenant, contact),
                is_repairing=is_repairing,
                progress=progress,
            )
    finally:
        await connection.close()


def _print(report: "ReplayReport") -> None:
    if report.differences:
        printing.table(
            ("contact", "what", "live", "rebuilt"),
            [
                (f"{each.tenant}/{each.contact_id}", each.what, each.live, each.rebuilt)
                for each in report.differences[:SHOWN]
            ],
        )
    for problem in report.problems[:SHOWN]:
        printing.line(problem)
    if report.too_old:
        printing.line(
            f"{report.too_old:,} contacts can't be rebuilt: their first interactions are older"
            " than the batches that are kept"
        )
    if report.behind:
        printing.line(f"{report.behind:,} contacts wait for the new model: not compared")
    printing.line(
        f"{report.contacts:,} contacts, {report.interactions:,} interactions folded again:"
        f" {report.differing:,} differ"
        + (f", {report.repaired:,} repaired" if report.repaired else "")
        + (f", {report.unrepaired:,} left as they are" if report.unrepaired else "")
    )


def _is_mended(report: "ReplayReport") -> bool:
    return not report.problems and report.repaired == report.differing
