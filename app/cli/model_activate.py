"""`funnel model activate`: from when on another model decides about a tenant's contacts."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from app.cli import printing
from app.errors import ModelError

if TYPE_CHECKING:
    from app.cli.model import Loaded
    from app.cli.sending import Sender
    from app.domain.interaction import Microseconds
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

NOTICE_SECONDS: Final = 60.0
"""Ahead, so that every partition has heard of it by then."""
SOURCE: Final = "/funnel/cli"


class Asked(msgspec.Struct, frozen=True):
    """What was asked of every partition; `is_new`: not all of them had it so already."""

    command_id: str
    tenant: str
    model: str
    content_hash: str
    mode: str
    active_from: "Microseconds"
    contacts: int
    is_new: bool


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
) -> Asked:
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
    *,
    topic: str | None = None,
    notice_seconds: float = NOTICE_SECONDS,
) -> Asked:
    """Store the model, then one command to every partition. Raises ModelError, Unavailable."""
    from app.bootstrap import now
    from app.cli.database import CONTACT_LANE, database
    from app.domain.topics import Topic
    from app.models import content_hash
    from app.models.stored import plain, rules_of_stored
    from app.runtime.ruling import latest_of
    from app.storage import model_queries

    definition = plain(loaded.definition)
    rules = rules_of_stored(definition)
    hash_ = content_hash(definition)
    async with database(settings) as engine:
        for current in await latest_of(engine, settings, tenant):
            check_stages(current, rules)
        name, _, version = rules.ref.rpartition("@")
        await model_queries.keep_model(engine, hash_, name, int(version), definition)
        rows = [row.activation for row in await model_queries.timeline(engine, tenant)]
        has_contacts = await model_queries.has_contacts(engine, CONTACT_LANE, tenant)
        counted = await model_queries.contacts_of(engine, tenant)
    active_from = _next_second(now() + round(notice_seconds * 1e6)) if has_contacts else now()
    active_from = max([active_from, *(row.active_from for row in rows)])
    topic = topic or Topic.COMMANDS
    partitions = await to.partitions(topic)
    last = {row.partition: (row.content_hash, row.mode) for row in rows}
    is_new = any(last.get(partition) != (hash_, mode) for partition in range(partitions))
    asked = Asked(
        _command_id(), tenant, rules.ref, hash_, mode, active_from, sum(counted.values()), is_new
    )
    if is_new:
        event = _event(asked, actor, now())
        _check(event)
        await _send_to_all(to, topic, partitions, event)
    return asked


def _next_second(at: "Microseconds") -> "Microseconds":
    """For people to read."""
    return -(-at // 1_000_000) * 1_000_000


def check_stages(current: "Rules", new: "Rules") -> None:
    """Whoever is in a stage that the new model lacks must know where to go. Raises ModelError."""
    lost = [stage for stage in current.stages if stage not in {*new.stages, *new.stage_map}]
    if lost:
        moves = ", ".join(f"{stage}: lead" for stage in lost)
        raise ModelError(
            f"{new.ref} has no stage {', '.join(lost)}, in which {current.ref} may have left"
            f" contacts: add it, or say where they go, as in `map: {{{moves}}}`"
        )


def _command_id() -> str:
    from uuid import uuid4

    return f"activate-{uuid4()}"


def _event(asked: Asked, actor: str, at: "Microseconds") -> dict[str, Any]:
    from app.domain.rewriting import ACTIVATED
    from app.domain.timestamps import format_rfc3339

    return {
        "specversion": "1.0",
        "id": asked.command_id,
        "source": SOURCE,
        "type": ACTIVATED,
        "subject": f"model/{asked.model}",
        "time": format_rfc3339(at),
        "tenantid": asked.tenant,
        "data": {
            "model": asked.model,
            "content_hash": asked.content_hash,
            "mode": asked.mode,
            "active_from": format_rfc3339(asked.active_from),
            "actor": actor,
        },
    }


def _check(event: dict[str, Any]) -> None:
    """As the lane does: it would be a dead letter in every partition. Raises FunnelError."""
    from app.errors import FunnelError, Poison
    from app.inbound.activation import activation_check, activation_of
    from app.inbound.event import Event

    try:
        activation_of(msgspec.convert(event, Event), activation_check(), None)
    except Poison as wrong:
        raise FunnelError(f"this can't be asked for: {wrong}") from None


async def _send_to_all(to: "Sender", topic: str, partitions: int, event: dict[str, Any]) -> None:
    from app.cli.sending import CLOUDEVENT

    key, value = event["subject"].encode(), msgspec.json.encode(event)
    for partition in range(partitions):
        await to.send(topic, key, value, headers=[CLOUDEVENT], partition=partition)
    await to.confirm()


def _told(asked: Asked) -> list[str]:
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
