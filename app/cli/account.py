"""`funnel account`: organisations as their contacts make them, and who is missing to win them."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from app.cli import printing
from app.errors import FunnelError

if TYPE_CHECKING:
    from app.settings import Settings
    from app.storage.account_rows import AccountMember, AccountSummary, PastChange

Key = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="The account's id: an account_id, or a domain.")
]
Tenant = Annotated[str, typer.Option(help="Whose account it is.")]
MEMBERS_MAX = 1_000
"""Shown of one account."""
HISTORY_MAX = 20

group = typer.Typer(help="Accounts: the organisations of contacts.", no_args_is_help=True)


class Known(msgspec.Struct, frozen=True):
    """An account as read at one moment."""

    summary: "AccountSummary"
    members: "list[AccountMember]"
    history: "list[PastChange]"
    """Newest first."""


@group.command("list")
def list_(
    stage: Annotated[str | None, typer.Option(help="Only in this stage.")] = None,
    tenant: Tenant = "default",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000)] = 50,
    after: Annotated[
        str | None, typer.Option(help="After this account, to go on where a list ended.")
    ] = None,
    as_json: printing.Json = False,
) -> None:
    """Accounts by id: stage, contacts, and which roles of a buying committee nobody has."""
    from app.cli import settings
    from app.cli.explaining import moment

    found = asyncio.run(_list(settings.load(), tenant, limit, stage, after))
    if as_json:
        printing.json([_plain(summary) for summary in found])
        return
    printing.table(
        ("account", "stage", "contacts", "customer", "missing roles", "last told"),
        [
            (
                one.account_id,
                one.stage,
                one.contacts,
                one.is_customer,
                ", ".join(one.missing_roles) or None,
                moment(one.told_at),
            )
            for one in found
        ],
    )


@group.command()
def show(key: Key, tenant: Tenant = "default", as_json: printing.Json = False) -> None:
    """The roll-up of one account, who is missing, its contacts and its latest stage changes."""
    from app.cli import settings
    from app.cli.explaining import moment, told_guard
    from app.domain.account_rules import COMMITTEE

    known = asyncio.run(_show(settings.load(), tenant, key))
    one = known.summary
    if as_json:
        printing.json(
            {
                **_plain(one),
                "members": [_plain(member) for member in known.members],
                "history": [_plain(change) for change in known.history],
            }
        )
        return
    printing.table(
        ("", one.account_id),
        [
            ("stage", one.stage),
            ("customer", one.is_customer),
            ("contacts", str(one.contacts)),
            *(("missing", COMMITTEE[role].meaning) for role in one.missing_roles),
        ],
    )
    printing.table(
        ("contact", "stage", "decides", "intent", "deal", "customer", "last told"),
        [
            (
                member.contact_id,
                member.stage,
                member.is_decision_maker,
                member.has_intent,
                member.has_open_deal,
                member.is_customer,
                moment(member.told_at),
            )
            for member in known.members
        ],
        title=_title(len(known.members), one.contacts),
    )
    for change in known.history[:1]:
        printing.line(
            f"{change.from_stage} → {change.to_stage} on {moment(change.effective_at)}"
            f" [{change.model}]"
        )
        for guard in change.guards:
            printing.line(told_guard(guard))


def _title(shown: int, there_are: int) -> str | None:
    return None if shown >= there_are else f"the first {shown:,} of {there_are:,} contacts"


async def _list(
    settings: "Settings", tenant: str, limit: int, stage: str | None, after: str | None
) -> "list[AccountSummary]":
    from app.cli.database import database
    from app.storage import account_queries

    async with database(settings) as engine:
        return await account_queries.accounts(engine, tenant, limit=limit, stage=stage, after=after)


async def _show(settings: "Settings", tenant: str, key: str) -> Known:
    """FunnelError where there is none; Unavailable, RevisionError."""
    from app.cli.database import database, home_of
    from app.domain.topics import ACCOUNT_LANE
    from app.storage import account_queries

    async with database(settings) as engine:
        home = await home_of(engine, tenant, key, lane=ACCOUNT_LANE)
        summary = await account_queries.account(engine, home, tenant, key)
        if summary is None:
            raise FunnelError(f"there is no account {key!r} of tenant {tenant!r}")
        members = await account_queries.members(engine, home, tenant, key, limit=MEMBERS_MAX)
        history = await account_queries.account_history(
            engine, home, tenant, key, limit=HISTORY_MAX
        )
    return Known(summary, members, history)


def _plain(row: msgspec.Struct) -> dict[str, Any]:
    """With moments as people and machines read them."""
    from app.domain.timestamps import format_rfc3339

    fields = msgspec.structs.asdict(row)
    return {
        name: format_rfc3339(value) if name.endswith("_at") else value
        for name, value in fields.items()
    }
