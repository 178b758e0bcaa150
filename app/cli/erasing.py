"""`funnel contact erase`: forget a contact, for good."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from app.cli import printing
from app.cli.linking import ACTOR, Actor

Key = Annotated[str, typer.Argument(metavar="KEY", help="The contact's key, as in subject.")]
RequestId = Annotated[
    str, typer.Option(help="Of the person's request; it is published, so no name and no address.")
]
Tenant = Annotated[str, typer.Option(help="Whose contact it is.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask: it can't be undone.")]


def erase(
    key: Key,
    request_id: RequestId,
    actor: Actor = ACTOR,
    tenant: Tenant = "default",
    yes: Yes = False,
    as_json: printing.Json = False,
) -> None:
    """Erase a contact and every identity linked to it: state, history, interactions, dead letters.

    What arrives of it later is dropped. After a restore from a backup, ask again for what was
    erased since: erasing twice does nothing more.

    Example:

      funnel contact erase crm-1 --request-id privacy-2026-118
    """
    from app.cli import settings
    from app.cli.sending import send_command

    if not yes:
        typer.confirm(f"Erase {key} and all that is linked to it? It can't be undone.", abort=True)
    event = _event(key, request_id, actor, tenant)
    asyncio.run(send_command(settings.load(), event))
    if as_json:
        printing.json({"requested": key, "tenant": tenant, "request_id": request_id})
    else:
        printing.line(f"asked for: {key} will be gone in a moment (request {request_id})")


def _event(key: str, request_id: str, actor: str, tenant: str) -> Mapping[str, Any]:
    from app.cli.publish import made_event
    from app.domain.erasure import ERASURE

    data = {"request_id": request_id, "actor": actor}
    return made_event(ERASURE, key, "/funnel/cli", data, {"tenantid": tenant})
