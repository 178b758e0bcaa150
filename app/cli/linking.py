"""`funnel contact link` and `unlink`: two keys are one person, or they are not after all."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from app.cli import printing
from app.cli.known import Key, Tenant

Primary = Annotated[
    str, typer.Argument(metavar="PRIMARY", help="The contact's key under which both are folded.")
]
Evidence = Annotated[
    str, typer.Option(help="On what grounds; it is kept, so no name and no address.")
]
Actor = Annotated[str, typer.Option(help="Who says so.")]
ACTOR = "funnel contact"


def link(
    key: Key,
    primary: Primary,
    evidence: Evidence,
    actor: Actor = ACTOR,
    tenant: Tenant = "default",
    as_json: printing.Json = False,
) -> None:
    """Say that KEY is the same person as PRIMARY: what both did is then PRIMARY's history.

    Reversible: each keeps its own log. Of several links of a key the last one holds.

    Example:

      funnel contact link visitor-7 crm-1 --evidence "same sign-in"
    """
    from app.domain.identity import LINKED

    _ask(LINKED, key, primary, evidence, actor, tenant)
    if as_json:
        printing.json({"linked": key, "to": primary, "tenant": tenant})
    else:
        printing.line(f"asked for: {key} will be folded under {primary} in a moment")


def unlink(
    key: Key,
    primary: Primary,
    evidence: Evidence,
    actor: Actor = ACTOR,
    tenant: Tenant = "default",
    as_json: printing.Json = False,
) -> None:
    """Take a link back: KEY and PRIMARY each have the history they would have had without it.

    Example:

      funnel contact unlink visitor-7 crm-1 --evidence "a shared computer"
    """
    from app.domain.identity import UNLINKED

    _ask(UNLINKED, key, primary, evidence, actor, tenant)
    if as_json:
        printing.json({"unlinked": key, "from": primary, "tenant": tenant})
    else:
        printing.line(f"asked for: {key} will be folded apart from {primary} in a moment")


def _ask(type_: str, key: str, primary: str, evidence: str, actor: str, tenant: str) -> None:
    from app.cli import settings
    from app.cli.sending import send_command

    if key == primary:
        raise typer.BadParameter("a contact is always itself: name another one as PRIMARY")
    asyncio.run(send_command(settings.load(), _event(type_, key, primary, evidence, actor, tenant)))


def _event(
    type_: str, key: str, primary: str, evidence: str, actor: str, tenant: str
) -> Mapping[str, Any]:
    from app.cli.publish import made_event

    data = {"other": primary, "evidence": evidence, "actor": actor}
    return made_event(type_, key, "/funnel/cli", data, {"tenantid": tenant})
