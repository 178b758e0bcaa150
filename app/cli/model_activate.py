"""`funnel model activate`: from when on another model decides about a tenant's contacts."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.cli import printing
from app.errors import ModelError

if TYPE_CHECKING:
    from app.api.activating import Asked
    from app.cli.model import Loaded
    from app.cli.sending import Sender
    from app.domain.rules import Rules
    from app.domain.timeline import Mode
    from app.settings import Settings

Name = Annotated[str, typer.Argument(metavar="NAME", help="name@version, or a file.")]
Tenant = Annotated[str, typer.Option(help="Whose contacts it decides about.")]
Forward = Annotated[
    bool, typer.Option("--forward", help="Decide what is true from then on; history stays.")
]
Refold = Annotated[
    bool, typer.Option("--refold", help="Decide all history anew: what differs is revoked.")
]
Actor = Annotated[str, typer.Option(help="Who activates it; kept with the timeline.")]
Wait = Annotated[bool, typer.Option("--wait", help="Until every contact is up to date.")]

SOURCE: Final = "/funnel/cli"


def activate(
    name: Name,
    tenant: Tenant = "default",
    forward: Forward = False,
    refold: Refold = False,
    actor: Actor = "operator",
    wait: Wait = False,
    as_json: printing.Json = False,
) -> None:
    """Let another model decide about a tenant's contacts, a minute from now (a tenant without
    contacts: at once).

    It is linted and stored first: a version that was activated never changes. Look before with
    `funnel model simulate`, and after with `funnel model timeline`.

    Example:

      funnel model activate profile-first@1 --tenant acme --refold --wait
    """
    from app.cli import settings

    if forward == refold:
        raise typer.BadParameter("say one of --forward and --refold")
    loaded = _linted(name)
    found = settings.load()
    asked = asyncio.run(_ask(found, loaded, tenant, "forward" if forward else "refold", actor))
    if as_json and not wait:
        printing.json(asked)
    elif not as_json:
        for text in _told(asked):
            printing.line(text)
    if wait:
        from app.cli.model_timeline import waited

        asyncio.run(waited(found, asked))
        if as_json:
            printing.json(asked)
        else:
            printing.line(f"{asked.model} decides: every contact of {tenant} is up to date.")


def _linted(name: str) -> "Loaded":
    """Raises ModelError with all that is to be mended."""
    from app.cli.model import load_model
    from app.domain.lint import lint

    loaded = load_model(name)
    if findings := lint(*loaded):
        raise ModelError("\n".join(each.text for each in findings))
    return loaded


async def _ask(
    settings: "Settings", loaded: "Loaded", tenant: str, mode: "Mode", actor: str
) -> "Asked":
    from app.cli.sending import sender

    async with sender(settings.kafka) as to:
        return await ask(settings, to, loaded, tenant, mode, actor)


async def ask(
    settings: "Settings",
    to: "Sender",
    loaded: "Loaded",
    tenant: str,
    mode: "Mode",
    actor: str,
    **different: Any,
) -> "Asked":
    """Store the model, then one command to every partition, unless they have it so already. Raises
    ModelError, Unavailable. `different`: as `Activating` has it."""
    from uuid import uuid4

    from app.api.activating import Activating
    from app.bootstrap import now
    from app.cli.database import database
    from app.runtime.ruling import latest_of

    async with database(settings) as engine:

        async def latest(of: str) -> "list[Rules]":
            return await latest_of(engine, settings, of)

        usual = {"notice_seconds": settings.commands.activation_notice_seconds}
        activating = Activating(engine, latest, to, now, **{**usual, **different})
        async with activating.alone(tenant):
            standing = await activating.prepare(tenant, loaded.definition, actor)
            asked = activating.asked(tenant, standing, mode, str(uuid4()))
            if asked.is_new:
                await activating.send(asked, actor, SOURCE)
    return asked


def _told(asked: "Asked") -> list[str]:
    from app.cli.moments import told_moment

    about = f"{asked.model} ({asked.content_hash[:12]})"
    if not asked.is_new:
        return [f"{about} was activated for {asked.tenant} before, {asked.mode}: nothing to do."]
    since = told_moment(asked.active_from)
    contacts = f"{asked.contacts:,} contacts"
    follow = f"Follow it with: funnel model timeline --tenant {asked.tenant}"
    if asked.mode == "forward":
        return [
            f"{about} decides about {asked.tenant} what is true from {since} on; what was before"
            " stays as it was decided.",
            f"The timers of its {contacts} are then looked at again, in every partition.",
            follow,
        ]
    return [
        f"{about} decides about {asked.tenant} from {since} on, all history included.",
        f"The history of its {contacts} is then folded again, in every partition; what differs is"
        " revoked or corrected, and told to everyone.",
        follow,
    ]
