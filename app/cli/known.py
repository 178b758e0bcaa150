"""A contact as commands know it: read at one moment, as it is or as it was."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from app.errors import FunnelError

if TYPE_CHECKING:
    from app.domain.changes import Change, View
    from app.domain.contact import Contact
    from app.domain.entry import Entry
    from app.domain.interaction import Microseconds
    from app.domain.rules import Rules
    from app.settings import Settings
    from app.storage.rows import StoredChange

Key = Annotated[str, typer.Argument(metavar="KEY", help="The contact's key, as in subject.")]
Tenant = Annotated[str, typer.Option(help="Whose contact it is.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="T", help="What was true then: RFC 3339, or a date (its end)."),
]
KnownAt = Annotated[
    str | None, typer.Option("--known-at", metavar="T", help="What was known then. Default: now.")
]


class Known(msgspec.Struct, frozen=True):
    """A contact as read at one moment."""

    contact: "Contact"
    history: "list[StoredChange]"
    rules: "Rules"
    """In force at the moment of the view."""
    view: "View"
    interactions: "list[Entry]"
    """All of them, newest first."""
    at: "Microseconds"
    """Of the view: now, or the moment asked about."""

    @property
    def members(self) -> list[str]:
        """The identities that are folded under this one now."""
        return sorted(key for key, known in self.contact.book.members.items() if known.is_here)

    def member_of(self, change: "Change") -> str | None:
        """The linked identity whose interaction the cause was; None: the contact's own."""
        cause = change.cause
        sought = change.effective_at, cause.source, cause.event_id
        for entry in self.interactions:
            if (entry.time, entry.source, entry.id) == sought:
                return entry.member
        return None


def known_of(key: str, tenant: str, as_of: str | None = None) -> Known:
    from app.cli import settings

    return asyncio.run(read_contact(settings.load(), tenant, key, as_of))


async def read_contact(
    settings: "Settings", tenant: str, key: str, as_of: str | None = None
) -> Known:
    """FunnelError where there is none; Unavailable, RevisionError."""
    from app.bootstrap import now
    from app.cli.database import database, home_of
    from app.cli.moments import moment_given
    from app.domain.as_of import go_back
    from app.domain.contact import Contact
    from app.domain.decide import view
    from app.domain.identity import whole_log
    from app.runtime.ruling import ruling_of
    from app.storage import queries

    async with database(settings) as engine:
        home = await home_of(engine, tenant, key)
        ruling = await ruling_of(engine, settings, home, tenant)
        then = moment_given(as_of, ruling.at(now()))
        found = await queries.whole_contact(engine, home, tenant, key)
        changes = await queries.history(engine, home, tenant, key)
    if found is None:
        raise FunnelError(f"there is no contact {key!r} of tenant {tenant!r}")
    row, sealed = found
    contact = Contact.stored(tenant, key, row.version, row.stage, row.seq, row.state, row.log)
    contact.load_sealed(sealed)
    if then is not None:
        go_back(contact, then, ruling)
    at = then or now()
    rules = ruling.at(at)
    return Known(contact, changes, rules, view(contact, rules, at), list(whole_log(contact)), at)
