"""What became of two accounts of a demo."""

from typing import TYPE_CHECKING, Final

from app.cli import printing
from app.cli.demo_report import heading, more
from app.domain.routing import DEFAULT_TENANT
from app.simulation import cast

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from app.settings import Settings
    from app.storage.account_rows import AccountMember

MEMBERS_SHOWN: Final = 3


async def show_accounts(settings: "Settings") -> None:
    """One that is won by its committee, and one that lacks somebody."""
    from app.cli.database import database

    heading("Accounts")
    async with database(settings) as engine:
        for key in (cast.COMMITTEE, cast.INCOMPLETE):
            await _show_account(engine, key)
    more("funnel account list")


async def _show_account(engine: "AsyncEngine", key: str) -> None:
    from app.cli.database import home_of
    from app.domain.account_rules import COMMITTEE
    from app.domain.topics import ACCOUNT_LANE
    from app.storage import account_queries

    home = await home_of(engine, DEFAULT_TENANT, key, lane=ACCOUNT_LANE)
    found = await account_queries.account(engine, home, DEFAULT_TENANT, key)
    if found is None:
        printing.line(f"{key} is no account")
        return
    missing = ", ".join(COMMITTEE[role].meaning for role in found.missing_roles)
    printing.line(f"{key} is {found.stage}; {_lacks(missing)}")
    members = await account_queries.members(engine, home, DEFAULT_TENANT, key, limit=MEMBERS_SHOWN)
    for member in members:
        printing.line(f"  {member.contact_id:<10} {', '.join(_roles_of(member))}")
    more(f"funnel account show {key}")


def _lacks(missing: str) -> str:
    return f"missing: {missing}" if missing else "its buying committee is complete"


def _roles_of(member: "AccountMember") -> list[str]:
    return [
        member.stage,
        *(["decides"] if member.is_decision_maker else []),
        *(["has intent"] if member.has_intent else []),
    ]
