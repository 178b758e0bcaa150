"""The `funnel` command: groups put together, and errors turned into words and exit codes.

0: done. 1: failed, the reason on stderr. 2: wrong use. Command modules import what they need
inside their functions, so that help and wrong use answer at once.
"""

import sys

import typer

from app.cli import (
    account,
    api,
    audit,
    commands,
    contact,
    deadletters,
    demo,
    dev,
    lag,
    lane,
    lane_resize,
    migrate,
    model,
    publish,
    replay,
    schemas,
    storage,
    tail,
    topics,
    webhooks,
    worker,
)
from app.cli import settings as settings_command
from app.errors import FunnelError, Unavailable

app = typer.Typer(
    name="funnel",
    help="Moves contacts through a sales funnel: interactions in, stage changes out, exactly once.",
    epilog="Start with: funnel demo. Then, in another terminal: funnel tail.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)

ON_ONE_MACHINE, SERVICE, DATA, OPERATIONS = (
    "On one machine",
    "Run the service",
    "Interactions and contacts",
    "Operations",
)

app.command("demo", rich_help_panel=ON_ONE_MACHINE)(demo.demo)
app.command("dev", rich_help_panel=ON_ONE_MACHINE)(dev.dev)
app.command("worker", rich_help_panel=SERVICE)(worker.worker)
app.command("api", rich_help_panel=SERVICE)(api.api)
app.command("webhooks", rich_help_panel=SERVICE)(webhooks.webhooks)
app.command("migrate", rich_help_panel=SERVICE)(migrate.migrate)
app.add_typer(topics.group, name="topics", rich_help_panel=SERVICE)
app.add_typer(model.group, name="model", rich_help_panel=SERVICE)
app.add_typer(schemas.group, name="schemas", rich_help_panel=SERVICE)
app.command("check-config", rich_help_panel=SERVICE)(settings_command.check_config)
app.command("publish", rich_help_panel=DATA)(publish.publish)
app.command("tail", rich_help_panel=DATA)(tail.tail)
app.add_typer(contact.group, name="contact", rich_help_panel=DATA)
app.add_typer(commands.group, name="commands", rich_help_panel=DATA)
app.add_typer(account.group, name="account", rich_help_panel=DATA)
app.command("lag", rich_help_panel=OPERATIONS)(lag.lag)
app.command("audit", rich_help_panel=OPERATIONS)(audit.audit)
app.command("replay", rich_help_panel=OPERATIONS)(replay.replay)
lane.group.command()(lane_resize.resize)
app.add_typer(lane.group, name="lane", rich_help_panel=OPERATIONS)
app.command("storage", rich_help_panel=OPERATIONS)(storage.storage)
app.add_typer(deadletters.group, name="deadletters", rich_help_panel=OPERATIONS)

HINT = (
    "Is the stack running, and here? Start `funnel dev`, or say where it is with "
    "FUNNEL_KAFKA__BOOTSTRAP_SERVERS and FUNNEL_DATABASE__URL."
)


def main() -> None:
    """Entry point of the console script."""
    try:
        app(prog_name="funnel")
    except FunnelError as error:
        hint = f"\n{HINT}" if isinstance(error, Unavailable) else ""
        print(f"funnel: {error}{hint}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
