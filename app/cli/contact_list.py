"""`funnel contact list`: contacts filtered, searched, in the order of work."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from app.cli import printing
from app.errors import FunnelError

if TYPE_CHECKING:
    from app.domain.rules import Rules
    from app.settings import Settings
    from app.storage.list_queries import ListedContact

MOMENTS = ("entered_at", "follow_up_due", "updated_at")
SCORES = ("fit", "engagement", "priority")
Text = Annotated[
    str | None,
    typer.Option(help="What its name, family name, e-mail, company or key begins with."),
]
Sort = Annotated[
    Literal["follow-up", "updated"],
    typer.Option(help="follow-up: who is to be followed up first; updated: latest first."),
]


class Asked(msgspec.Struct, frozen=True):
    """As the options say it."""

    tenant: str
    stage: str | None
    temperature: str | None
    owner: str | None
    owner_team: str | None
    account: str | None
    channel: str | None
    campaign: str | None
    text: str | None
    sort: Literal["follow-up", "updated"]
    limit: int


class Listed(msgspec.Struct, frozen=True):
    contacts: "list[ListedContact]"
    rules: "Rules"
    is_cut: bool


def list_(
    stage: Annotated[str | None, typer.Option(help="Only in this stage.")] = None,
    temperature: Annotated[
        Literal["hot", "warm", "cold"] | None, typer.Option(help="Only these.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Only of this person.")] = None,
    owner_team: Annotated[str | None, typer.Option(help="Only in this team's stages.")] = None,
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    channel: Annotated[str | None, typer.Option(help="Of the first touch.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Of the first touch.")] = None,
    text: Text = None,
    sort: Sort = "follow-up",
    tenant: Annotated[str, typer.Option(help="Whose contacts.")] = "default",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 50,
    as_json: printing.Json = False,
) -> None:
    """Contacts: whom to follow up first, or filtered by where they are and whose they are."""
    from app.bootstrap import now
    from app.cli import settings
    from app.cli.explaining import moment

    asked = Asked(
        tenant, stage, temperature, owner, owner_team, account, channel, campaign, text, sort,
        limit,
    )  # fmt: skip
    listed = asyncio.run(read_list(settings.load(), asked))
    if as_json:
        printing.json([_plain(each, listed.rules) for each in listed.contacts])
        return
    at = now()
    printing.table(
        ("contact", "name", "company", "stage", "temperature", "follow up by", "priority", "owner",
         "account", "updated"),
        [
            (
                each.contact_id,
                each.name or each.email,
                each.company,
                each.stage,
                each.temperature,
                _due(each.follow_up_due, at),
                round(each.priority / 1000, 1),
                each.owner or _team(each.stage, listed.rules),
                each.account_id,
                moment(each.updated_at),
            )
            for each in listed.contacts
        ],
    )  # fmt: skip
    if listed.is_cut:
        printing.note("more match than were looked at: give more of the text")


async def read_list(settings: "Settings", asked: Asked) -> Listed:
    """FunnelError where a stage or team is none; Unavailable, RevisionError."""
    from app.bootstrap import now
    from app.cli.database import database
    from app.domain.topics import CONTACT_LANE
    from app.runtime.ruling import ruling_of
    from app.storage import list_queries, queries
    from app.storage.list_queries import Wanted

    async with database(settings) as engine:
        rules = (await ruling_of(engine, settings, 0, asked.tenant)).at(now())
        _check(asked, rules)
        wanted = Wanted(
            asked.tenant,
            list_queries.stages_of(rules, asked.stage, asked.owner_team),
            *(asked.temperature, asked.owner, asked.account, asked.channel, asked.campaign),
        )
        if asked.text is None:
            found = await list_queries.contacts(engine, wanted, sort=asked.sort, limit=asked.limit)
            return Listed(found, rules, False)
        lane = await queries.lane(engine, CONTACT_LANE)
        places = 0 if lane is None else lane.partitions
        matches = await list_queries.search(
            engine, wanted, asked.text, places, sort=asked.sort, limit=asked.limit
        )
        return Listed(matches.contacts, rules, matches.is_cut)


def _check(asked: Asked, rules: "Rules") -> None:
    from app.storage.list_queries import all_stages, teams

    known, owners = all_stages(rules), teams(rules)
    if asked.stage is not None and asked.stage not in (*known, "none"):
        raise FunnelError(f"--stage: must be one of {', '.join(known)}, none")
    if asked.owner_team is not None and asked.owner_team not in owners:
        raise FunnelError(f"--owner-team: must be one of {', '.join(owners)}")


def _due(due: int | None, at: int) -> str | None:
    from app.cli.explaining import moment

    if due is None:
        return None
    return moment(due) + (" (overdue)" if due < at else "")


def _team(stage: str, rules: "Rules") -> str | None:
    found = rules.stages.get(stage)
    return None if found is None else found.owner


def _plain(row: "ListedContact", rules: "Rules") -> dict[str, Any]:
    """With moments as people and machines read them."""
    fields = msgspec.structs.asdict(row)
    del fields["work_order"]
    scores = {name: fields[name] / 1000 for name in SCORES}
    told = {**fields, **scores, "owner_team": _team(row.stage, rules)}
    return dict(printing.with_moments(told, MOMENTS))
