"""`funnel topics`: the broker's topics as schemas/topics has them."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import printing
from app.errors import TopicsError

if TYPE_CHECKING:
    from app.outbound.topics import Difference
    from app.outbound.topics_apply import Report
    from app.settings import Settings

Partitions = Annotated[
    int | None,
    typer.Option(min=1, max=10_000, help="Instead of what the definitions say, for all topics."),
]

group = typer.Typer(help="The topics: create them, or look for drift.", no_args_is_help=True)


@group.command()
def apply(
    partitions: Partitions = None,
    grow: Annotated[
        bool, typer.Option("--grow", help="Add partitions that are missing. No way back.")
    ] = False,
    as_json: printing.Json = False,
) -> None:
    """Create what is missing and set drifted configuration back. Deletes and shrinks nothing."""
    from app.cli import settings

    report = asyncio.run(apply_topics(settings.load(), partitions=partitions, is_growing=grow))
    if as_json:
        printing.json(report._asdict())
    else:
        for topic in report.created:
            printing.line(f"created {topic}")
        for difference in [*report.mended, *report.grown]:
            printing.line(f"mended {difference}")
        if not any(report):
            printing.line("every topic is as defined")
    if report.left:
        raise TopicsError(
            _lines([*report.left, "add partitions with `funnel topics apply --grow`"])
        )


@group.command()
def check(partitions: Partitions = None, as_json: printing.Json = False) -> None:
    """Say how the topics differ from their definitions; 1 if they do."""
    from app.cli import settings

    found = asyncio.run(_differences(settings.load(), partitions))
    if as_json:
        printing.json([difference._asdict() for difference in found])
    if found:
        raise TopicsError(_lines([*found, "set them back with `funnel topics apply`"]))
    if not as_json:
        printing.line("every topic is as defined")


async def apply_topics(
    settings: "Settings", *, partitions: int | None = None, is_growing: bool = False
) -> "Report":
    """Raises TopicsError, Unavailable."""
    from app.cli.broker import broker
    from app.outbound.topics import load_definitions
    from app.outbound.topics_apply import apply as apply_all

    async with broker(settings.kafka) as admin:
        definitions = load_definitions(partitions=partitions)
        return await apply_all(admin, definitions, is_growing=is_growing)


async def _differences(settings: "Settings", partitions: int | None) -> "list[Difference]":
    from app.cli.broker import broker
    from app.outbound.topics import check as check_all
    from app.outbound.topics import load_definitions

    async with broker(settings.kafka) as admin:
        return await check_all(admin, load_definitions(partitions=partitions))


def _lines(what: list[object]) -> str:
    return "\n".join(["the topics are not as defined:", *(f"  {line}" for line in what)])
