"""`funnel model simulate`: who would be where under another model, before anyone activates it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing

if TYPE_CHECKING:
    from app.domain.what_if_report import Report, Sample
    from app.settings import Settings

Candidate = Annotated[
    str, typer.Argument(metavar="CANDIDATE", help="name@version, or a file that stands anywhere.")
]
SAMPLES_SHOWN = 12


def simulate(
    candidate: Candidate,
    tenant: Annotated[str | None, typer.Option(help="Of one tenant only. Default: all.")] = None,
    limit_contacts: Annotated[
        int | None, typer.Option(min=1, help="Only so many contacts, of all partitions alike.")
    ] = None,
    as_json: printing.Json = False,
) -> None:
    """Fold the real history under CANDIDATE in the shadow: who moves, and why.

    Each contact as its tenant's models have it, against all of its history under CANDIDATE, as by
    --refold; one that is in force already moves nobody. Up to now. Nothing is written and nobody
    is told; workers go on meanwhile.
    """
    from app.cli import settings

    report = asyncio.run(_simulate(settings.load(), candidate, tenant, limit_contacts))
    if as_json:
        printing.json(printing.with_moments(report, ("until", "effective_at")))
        return
    _print(report)


async def _simulate(
    settings: "Settings", candidate: str, tenant: str | None, limit_contacts: int | None
) -> "Report":
    from app.cli.model import definition_of
    from app.domain.topics import CONTACT_LANE
    from app.runtime.what_if.simulate import simulate as run

    with _progress() as progress:
        return await run(
            settings.database,
            CONTACT_LANE,
            definition_of(None),
            definition_of(candidate),
            tenant=tenant,
            limit_contacts=limit_contacts,
            progress=progress,
        )


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal's stderr; silent elsewhere."""
    import sys

    if not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("contacts", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _print(report: "Report") -> None:
    now, then = report.current, report.candidate
    columns: tuple[str, ...] = (now, then, "")
    printing.table(
        ("contacts at stage", *columns),
        [
            *((row.stage, *_both(row.current, row.candidate)) for row in report.stages),
            ("customers", *_both(*report.customers)),
        ],
    )
    printing.table(
        ("moves", "", *columns),
        [
            (
                f"{row.from_stage} → {row.to_stage}",
                row.transition,
                *_both(row.current, row.candidate),
            )
            for row in report.transitions
        ],
    )
    printing.table(
        ("month", "hand-offs", "", "opportunities", "", "customers", "", "moves", ""),
        [
            (row.month, *row.handoffs, *row.opportunities, *row.customers, *row.moves)
            for row in report.months
        ],
        title=f"in each month, under {now} and under {then}",
    )
    printing.table(
        ("now", "then", "contacts"),
        [(row.now, row.then, row.contacts) for row in report.pairs],
        title="who moves",
    )
    for sample in report.samples[:SAMPLES_SHOWN]:
        for line in _told(sample):
            printing.line(line)
    for lack in report.lacking:
        printing.line(
            f"{then} reads {lack.field} of {lack.type}: {lack.interactions:,} interactions were"
            " logged without it"
        )
    for text in report.notes:
        printing.line(text)
    if report.refused:
        printing.line(f"{report.refused:,} contacts left out: {report.refusal}")
    printing.line(_summary(report))


def _summary(report: "Report") -> str:
    asked, would = report.handoffs
    return (
        f"{report.contacts:,} contacts, {report.interactions:,} interactions: {report.movers:,}"
        f" would be elsewhere, {report.same_stage_other_history:,} would have come where they are"
        f" another way; hand-offs {asked:,} → {would:,}"
    )


def _both(now: int, then: int) -> tuple[object, ...]:
    return now, then, f"{then - now:+,}" if then != now else ""


def _told(sample: "Sample") -> Iterator[str]:
    """One contact: what either model decided last, and what keeps it from going on."""
    from app.cli.explaining import moment
    from app.domain.routing import routing_key

    name = routing_key(sample.tenant, sample.contact_id)
    yield f"{printing.shown(name)}: {sample.now}, would be {sample.then}"
    if sample.moved is not None:
        yield f"  now by {sample.moved.transition} on {moment(sample.moved.effective_at)}"
    decided = sample.decided
    if decided is not None:
        yield (
            f"  would by {decided.transition} ({decided.from_stage} → {decided.to_stage}) on"
            f" {moment(decided.effective_at)}, because of {decided.cause.type}"
            f" {printing.shown(decided.cause.event_id)}"
        )
        for guard in decided.guards:
            yield f"    {guard.guard}: {printing.shown(guard.observed)} ({guard.required})"
        evidence = ", ".join(printing.shown(each) for each in decided.evidence)
        yield f"    evidence: {evidence or 'none'}"
    for way in sample.blocked:
        if way.guards:
            failing = "; ".join(f"{each.guard}: {each.observed}" for each in way.guards)
            yield f"  not {way.to_stage} by {way.transition}: {printing.shown(failing)}"
