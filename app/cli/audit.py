"""`funnel audit`: does what must always hold, hold?"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from app.cli import printing
from app.errors import FunnelError

if TYPE_CHECKING:
    import asyncpg

    from app.runtime.audit.audit import LaneView
    from app.runtime.audit.findings import Checked, Finding
    from app.settings import Settings

SHOWN: Final = 100
PAGES_A_ROUND: Final = 5

Once = Annotated[bool, typer.Option("--once", help="One round over all contacts, then end.")]
Interval = Annotated[
    float, typer.Option("--interval", min=1.0, help="Seconds between two rounds.", metavar="S")
]
Batches = Annotated[
    int, typer.Option(min=1, help="Of each partition look at so many of the latest batches.")
]
All = Annotated[bool, typer.Option("--all", help="Look at every batch that is kept.")]


def audit(
    once: Once = False,
    interval: Interval = 60.0,
    batches: Batches = 2_000,
    all_batches: All = False,
    as_json: printing.Json = False,
) -> None:
    """Check what must always hold, beside the workers; until Ctrl-C, or once.

    Numbers of histories without a gap, history equal to what is published, counters equal to
    contacts, segments without a gap, no hanging transaction, K not beyond D, offsets as the rows
    say. Exit code 1 where something differs; without --once when it ends.

    A round looks at what is new since the last one and at the next few thousand contacts; the
    first, and --once, at the latest batches, and --once at all contacts.
    """
    from app.cli import settings

    is_clean = asyncio.run(
        _audit(settings.load(), once, interval, None if all_batches else batches, as_json)
    )
    if not is_clean:
        raise typer.Exit(1)


async def _audit(
    settings: "Settings", once: bool, interval: float, batches: int | None, as_json: bool
) -> bool:
    from app.cli.database import database
    from app.outbound.topic_ids import identify
    from app.runtime.audit.audit import Auditor, Scope
    from app.storage.audit_reads import be_planned_plainly
    from app.storage.connect import connect

    async with database(settings):
        pass  # at this release's revision
    from aiokafka import TopicPartition

    connection = await connect(settings.database, application_name="funnel-audit")
    lanes = await _lanes(settings, connection)
    if not lanes:
        await connection.close()
        raise FunnelError("no worker has run on this database yet: there is nothing to audit")
    try:
        await be_planned_plainly(connection)
        topics = _topics()
        found = await identify(settings.kafka, topics)
        every = [
            TopicPartition(topic, n) for topic in topics for n in range(found[topic].partitions)
        ]
        auditor = Auditor(connection, settings.kafka, lanes, every)
        is_clean = True
        while True:
            scope = Scope(batches, None if once else PAGES_A_ROUND)
            findings = await auditor.round(scope, is_patient=once)
            is_clean = is_clean and not findings
            tell(auditor.checked, findings, as_json=as_json)
            if once:
                return is_clean
            try:
                await asyncio.sleep(interval)
            except asyncio.CancelledError:
                return is_clean
    finally:
        await connection.close()
        for lane in lanes:
            await lane.coordinator.close()


def _topics() -> Sequence[str]:
    from app.domain.topics import Topic

    return [str(topic) for topic in Topic]


async def _lanes(settings: "Settings", connection: "asyncpg.Connection") -> list["LaneView"]:
    """Those that a worker has run on this database."""
    from app.bootstrap import ACCOUNT_OUTPUTS, INPUTS, OUTPUTS
    from app.bootstrap import for_accounts as accounts_of
    from app.domain.topics import ACCOUNT_LANE, CONTACT_LANE, Topic
    from app.outbound.coordinator import BrokerCoordinator
    from app.runtime.audit.audit import ACCOUNTS, CONTACTS, LaneView
    from app.storage.ownership import read_lane

    views = []
    for name, found, outputs, changes, of in (
        (CONTACT_LANE, settings, OUTPUTS, Topic.STAGE_CHANGES, CONTACTS),
        (ACCOUNT_LANE, accounts_of(settings), ACCOUNT_OUTPUTS, None, ACCOUNTS),
    ):
        row = await read_lane(connection, name)
        if row is not None:
            coordinator = BrokerCoordinator(found.kafka, INPUTS[name], outputs)
            views.append(LaneView(name, row.partitions, coordinator, changes, of))
    return views


def tell(checked: "Checked", findings: Sequence["Finding"], *, as_json: bool) -> None:
    if as_json:
        plain = [
            {**msgspec.to_builtins(each), "means": each.means, "todo": each.todo}
            for each in findings
        ]
        printing.json(
            {"is_clean": not findings, "checked": msgspec.to_builtins(checked), "findings": plain}
        )
        return
    if findings:
        printing.table(
            ("check", "lane", "partition", "contact", "found"),
            [
                (each.check.value, each.lane, each.partition, each.contact, each.what)
                for each in findings[:SHOWN]
            ],
        )
        for check in sorted({each.check for each in findings}):
            one = next(each for each in findings if each.check is check)
            printing.line(f"{check.value}: {one.means}.")
            printing.line(f"  Do: {one.todo}.")
    catching_up = f", {checked.catching_up} catching up" if checked.catching_up else ""
    printing.line(
        f"{checked.partitions} partitions{catching_up}, {checked.contacts:,} contacts,"
        f" {checked.accounts:,} accounts, {checked.batches:,} batches, {checked.stage_changes:,}"
        f" stage changes, {checked.topic_partitions} topic partitions:"
        f" {f'{len(findings):,} differences' if findings else 'nothing differs'}"
    )
