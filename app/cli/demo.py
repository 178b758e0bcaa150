"""`funnel demo`: the service on one machine, and a simulated company's traffic through it."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import local

if TYPE_CHECKING:
    from app.cli.local import Local

Port = typer.Option(min=0, max=65535, help="0 picks a free one. Default: the usual one if free.")


def demo(
    exits: Annotated[
        bool, typer.Option("--exit", help="End after the last event; 1 if anything got lost.")
    ] = False,
    contacts: Annotated[int, typer.Option(min=20, max=100_000, help="How many people.")] = 600,
    seed: Annotated[int, typer.Option(help="The same seed, the same traffic.")] = 1,
    kafka_port: Annotated[int | None, Port] = None,
    http_port: Annotated[int | None, Port] = None,
) -> None:
    """Watch a simulated company's contacts move through the funnel.

    Starts a Kafka and a PostgreSQL of its own with empty data, sends months of the company's
    past (duplicates, late and imported events, bots and poison records among it), and tells what
    became of them: opportunities and why, accounts, one that was taken back, a why-not, a what-if.
    Goes on with live traffic until Ctrl-C.
    """
    import uvloop

    options = local.Options(
        kafka_port=_usual_or_free(kafka_port, 9092),
        http_port=_usual_or_free(http_port, 8080),
        wipe=True,
        directory="demo",
    )

    async def show(running: "Local", stop: asyncio.Event) -> int:
        from app.cli.demo_run import run_demo

        return await run_demo(running, stop, seed=seed, contacts=contacts, exits=exits)

    raise typer.Exit(uvloop.run(local.run_local(options, local.say_on_stderr, show)))


def _usual_or_free(port: int | None, usual: int) -> int:
    """A demo is to run beside whatever else does: only a port asked for is insisted on."""
    from app.runtime.embedded.ports import is_free

    if port is not None:
        return port
    return usual if is_free(usual) else 0
