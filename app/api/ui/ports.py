"""What pages ask for that others read: lists, sums, decisions, dead letters, the live feed."""

from collections.abc import AsyncGenerator, Mapping
from datetime import date
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from app.api.funnel_shapes import Forecast, Summary
from app.api.list_shapes import ContactPage, Profile
from app.api.principal import Principal
from app.storage.funnel_queries import By


@runtime_checkable
class Lists(Protocol):
    """Of a tenant. Every question raises Problem 422 and Unavailable."""

    async def contacts(
        self, tenant: str, filters: Mapping[str, str], *, limit: int, after: str | None
    ) -> ContactPage:
        """`filters`: stage, temperature, owner, owner_team, account, channel, campaign, text,
        sort."""
        ...

    async def profile(self, tenant: str, contact_id: str) -> Profile | None: ...

    async def summary(
        self,
        tenant: str,
        since: date,
        until: date,
        *,
        by: By = "none",
        channel: str | None = None,
        campaign: str | None = None,
    ) -> Summary: ...

    async def forecast(self, tenant: str) -> Forecast: ...


class Decided(msgspec.Struct, frozen=True):
    """What became of a command."""

    command_id: str
    state: str
    """pending, accepted, duplicate or refused."""
    message: str | None = None
    stage: str | None = None
    command: str | None = None


@runtime_checkable
class Decisions(Protocol):
    async def decide(
        self, principal: Principal, contact_id: str, key: str, command: str, data: dict[str, Any]
    ) -> Decided:
        """Sent, and waited for a few seconds. Problem 403, 422; Unavailable."""
        ...

    async def outcome(self, principal: Principal, command_id: str) -> Decided | None:
        """None: it is not known, or was long ago."""
        ...


class ListedLetter(msgspec.Struct, frozen=True):
    id: int
    failed_at: str
    reason: str
    message: str
    topic: str
    partition: int
    offset: int
    type: str | None = None
    source: str | None = None
    redriven: int = 0
    redriven_at: str | None = None
    redriven_by: str | None = None


class LetterList(msgspec.Struct, frozen=True):
    items: list[ListedLetter]
    next: str | None


@runtime_checkable
class DeadLetters(Protocol):
    async def letters(self, *, reason: str | None, limit: int, after: str | None) -> LetterList: ...

    @property
    def can_redrive(self) -> bool: ...

    async def redrive(self, principal: Principal, letter_id: int) -> None:
        """Problem 404, 422; Unavailable."""
        ...


class FeedItem(msgspec.Struct, frozen=True):
    """A record of funnel.stage-changes.v1."""

    kind: str
    """changed, revoked or corrected."""
    contact_id: str
    from_stage: str
    to_stage: str
    decided_at: str
    because: str
    """The type of the interaction, or timer:<name>."""
    actor: str | None = None


class Told(NamedTuple):
    """What the stream says next; with neither an item nor a control it is a heartbeat."""

    position: str | None
    """From which to go on after it."""
    item: FeedItem | None
    control: str | None
    """reset (load again what you show), dropped or end (connect again)."""


@runtime_checkable
class Feed(Protocol):
    async def recent(self, tenant: str, stages: tuple[str, ...], limit: int) -> list[FeedItem]:
        """Newest first, of contacts in these stages."""
        ...

    def changes(self, tenant: str, after: str | None) -> AsyncGenerator[Told, None]:
        """As they are published. Problem 503: too many listen."""
        ...
