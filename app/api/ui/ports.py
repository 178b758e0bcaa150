"""What pages ask for that others read: lists, sums, decisions, dead letters, the live feed."""

from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any, Protocol, runtime_checkable

import msgspec

from app.api.principal import Principal


class Profile(msgspec.Struct, frozen=True):
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None


class Touch(msgspec.Struct, frozen=True):
    channel: str | None = None
    campaign_id: str | None = None


class ListedContact(msgspec.Struct, frozen=True):
    contact_id: str
    stage: str
    temperature: str
    follow_up_due: str | None
    """None: nobody waits for a follow-up; in the past: overdue."""
    fit: float
    engagement: float
    priority: float
    owner_team: str | None
    owner: str | None
    account_id: str | None
    updated_at: str
    entered_at: str | None = None
    is_customer: bool = False
    cycle: int = 1
    profile: Profile | None = None
    first_touch: Touch | None = None
    last_touch: Touch | None = None


class ContactList(msgspec.Struct, frozen=True):
    items: list[ListedContact]
    next: str | None
    is_cut: bool = False
    """More match the text than are looked at."""


class StageNumber(msgspec.Struct, frozen=True):
    stage: str
    contacts: int


class StageSums(msgspec.Struct, frozen=True):
    stage: str
    entered: int
    moved_on: int
    dropped: int
    conversion: float | None
    drop_off: float | None
    mean_days: float | None


class MoveSums(msgspec.Struct, frozen=True):
    from_stage: str
    to_stage: str
    n: int
    mean_days: float | None


class Group(msgspec.Struct, frozen=True):
    group: str | None
    stages: list[StageSums]
    moves: list[MoveSums]


class Summary(msgspec.Struct, frozen=True):
    since: str
    until: str
    by: str
    stages: list[StageNumber]
    groups: list[Group]


class ForecastMonth(msgspec.Struct, frozen=True):
    month: str | None
    currency: str | None
    deals: int
    amount: float
    weighted: float
    unweighted: int


class Forecast(msgspec.Struct, frozen=True):
    at: str
    items: list[ForecastMonth]


@runtime_checkable
class Lists(Protocol):
    """Of a tenant. Every question raises Problem 422 and Unavailable."""

    async def contacts(
        self, tenant: str, filters: Mapping[str, str], *, limit: int, after: str | None
    ) -> ContactList:
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
        by: str = "none",
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

    id: str
    kind: str
    """changed, revoked or corrected."""
    contact_id: str
    from_stage: str
    to_stage: str
    stage: str
    decided_at: str
    because: str
    """The type of the interaction, or timer:<name>."""
    actor: str | None = None


@runtime_checkable
class Feed(Protocol):
    async def recent(self, tenant: str, limit: int) -> list[FeedItem]:
        """Newest first."""
        ...

    def changes(self, tenant: str, after: str | None) -> AsyncIterator[FeedItem | None]:
        """As they come; None now and then, so that the connection stays. Ends when the service
        does, or when the reader is too slow."""
        ...
