"""`funnel commands`: who decided what about whom, and what became of it."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli import printing
from app.cli.known import Tenant

if TYPE_CHECKING:
    from app.settings import Settings

group = typer.Typer(help="What people decided.", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """What people decided."""


@group.command("list")
def list_(
    contact: Annotated[str | None, typer.Option(help="Only about this contact.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only decided by this one.")] = None,
    state: Annotated[
        str | None, typer.Option(help="Only pending, accepted, duplicate or refused ones.")
    ] = None,
    tenant: Tenant = "default",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 20,
    as_json: printing.Json = False,
) -> None:
    """The newest decisions of the last seven days, by HTTP, by this command, or by any program that
    names who decides. Of an erased contact there is no name any more.

    Example:

      funnel commands list --contact crm-1
    """
    from app.cli import settings
    from app.domain.command_outcome import CommandState

    if state is not None and state not in list(CommandState):
        raise typer.BadParameter(f"{state!r} is no state; they are {', '.join(CommandState)}")
    only = {"contact_id": contact, "actor": actor, "state": state}
    found = asyncio.run(_read(settings.load(), tenant, limit, only))
    if as_json:
        printing.json(found)
        return
    printing.table(
        ("when", "who", "what", "contact", "state", "stage", "why", "moves"),
        [
            (
                each.received_at, each.actor, each.command or each.type, each.contact_id,
                each.state, each.stage, each.message or each.reason,
                "; ".join(f"{move.from_stage} → {move.to_stage}" for move in each.moves) or None,
            )
            for each in found
        ],
    )  # fmt: skip


async def _read(settings: "Settings", tenant: str, limit: int, only: dict[str, Any]) -> list[Any]:
    from app.api.command_shapes import command_answer
    from app.cli.database import database
    from app.storage import command_queries

    async with database(settings) as engine:
        found = await command_queries.latest(engine, tenant, limit=limit, **only)
    return [command_answer(each) for each in found]
