"""`funnel dev`: everything on one machine, until Ctrl-C."""

import asyncio
from typing import TYPE_CHECKING

import typer

from app.cli import local, printing

if TYPE_CHECKING:
    from app.cli.local import Local


def dev(
    kafka_port: local.KafkaPort = local.KAFKA_PORT,
    http_port: local.HttpPort = None,
    wipe: local.Wipe = False,
) -> None:
    """Run the service with its own Kafka and PostgreSQL, on loopback only.

    Nothing has to be installed but Java (or none) and Maven. Its addresses stand in
    .funnel/dev.json while it runs, and other funnel commands find it there.
    """
    import uvloop

    options = local.Options(kafka_port, http_port, wipe, directory="dev")
    raise typer.Exit(uvloop.run(local.run_local(options, local.say_on_stderr, _until_told)))


async def _until_told(running: "Local", stop: asyncio.Event) -> int:
    printing.note("\n".join(["", *addresses(running), "", "Ctrl-C stops it."]))
    await local.first_of(stop.wait(), running.ended)
    return 0


def addresses(running: "Local") -> list[str]:
    """Where everything is, and how other programs join."""
    kafka = running.settings.kafka.bootstrap_servers
    database = running.settings.database.url.get_secret_value()
    return [
        f"  Kafka        {kafka}",
        f"  PostgreSQL   {database}",
        f"  Pages        {running.http_url}/",
        f"  HTTP         {running.http_url}/schema  /readyz  /metrics",
        f"  live         {running.http_url}/v1/stream  /v1/funnel/live",
        "               open: everybody on this machine may do everything, without a token",
        f"  all of it    {running.stack_file}",
        "",
        "Other programs join with",
        f"  FUNNEL_KAFKA__BOOTSTRAP_SERVERS={kafka}",
        f"  FUNNEL_DATABASE__URL={database}",
        "and funnel commands started here need neither:",
        "  funnel publish demo.requested crm-1 -f product_id=analytics",
        "  funnel contact why crm-1",
        "  funnel tail",
    ]
